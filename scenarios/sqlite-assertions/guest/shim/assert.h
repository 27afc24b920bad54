/*
 * Found before the C library's <assert.h> in SQLite's compiles. MELF_ASSERTIONS says whether assert() checks: NDEBUG cannot, because SQLite
 * ties it to SQLITE_DEBUG, which changes its structs. What assert() calls does not get __func__: that is a static array for each
 * function with an assertion, which only one of the variants would have.
 */
#undef assert
#if MELF_ASSERTIONS
void melf_assertion_failed(const char *expression, const char *file, int line);
#define assert(expression) \
    ((expression) ? (void)0 : melf_assertion_failed(#expression, __FILE__, __LINE__))
#else
#define assert(expression) ((void)0)
#endif
#ifndef static_assert
#define static_assert _Static_assert
#endif
