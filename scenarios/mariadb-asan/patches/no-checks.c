/*
 * For the programs that the build makes and runs itself, as the one that makes the table of error messages: they are linked with both
 * variants, too, and run as plain, so nothing here is ever called. The server is linked with the real checks (executable.ts).
 */
#define CHECK(size)                                        \
    void __asan_load##size##_noabort(void) {}              \
    void __asan_store##size##_noabort(void) {}
CHECK(1)
CHECK(2)
CHECK(4)
CHECK(8)
CHECK(16)
CHECK(N)

#define FUNCTION(name) \
    void __asan_##name(void) {}
FUNCTION(memcpy)
FUNCTION(memmove)
FUNCTION(memset)
FUNCTION(memcmp)
FUNCTION(strlen)
FUNCTION(strcpy)
FUNCTION(strncpy)
FUNCTION(strcat)
FUNCTION(strcmp)
FUNCTION(strncmp)
FUNCTION(strdup)

void __asan_handle_no_return(void) {}
void __asan_before_dynamic_init(void) {}
void __asan_after_dynamic_init(void) {}
