/*
 * For the sanitised compile of a source: -include this header. Calls to the block and string functions below get other names in the
 * object, under which the runtime checks the memory they touch. Code that is compiled without this header, which is the plain
 * variant and the libraries, keeps calling libc's functions and pays nothing.
 *
 * gcc 12 knows these functions: it leaves the calls in place when it sanitises (no inline expansion), and it does not check their memory
 * itself. An assembler name on a built-in function also names the calls that gcc makes by itself, for copies of structs.
 */
#ifndef MELF_ASAN_REDIRECT_H
#define MELF_ASAN_REDIRECT_H
#ifndef __ASSEMBLER__

#ifdef __cplusplus
extern "C" {
#if __cplusplus >= 201103L
#define MELF_ASAN_NOTHROW noexcept(true)
#else
#define MELF_ASAN_NOTHROW throw()
#endif
#else
#define MELF_ASAN_NOTHROW __attribute__((__nothrow__))
#endif

#ifdef __cplusplus
/* In C++ the exception specification belongs to the declarator, before the assembler name. */
#define MELF_ASAN_DECLARE(type, name, parameters) extern type name parameters MELF_ASAN_NOTHROW __asm__("__asan_" #name);
#else
#define MELF_ASAN_DECLARE(type, name, parameters) extern type name parameters __asm__("__asan_" #name) MELF_ASAN_NOTHROW;
#endif

MELF_ASAN_DECLARE(void *, memcpy, (void *, const void *, __SIZE_TYPE__))
MELF_ASAN_DECLARE(void *, memmove, (void *, const void *, __SIZE_TYPE__))
MELF_ASAN_DECLARE(void *, memset, (void *, int, __SIZE_TYPE__))
MELF_ASAN_DECLARE(int, memcmp, (const void *, const void *, __SIZE_TYPE__))
MELF_ASAN_DECLARE(__SIZE_TYPE__, strlen, (const char *))
MELF_ASAN_DECLARE(char *, strcpy, (char *, const char *))
MELF_ASAN_DECLARE(char *, strncpy, (char *, const char *, __SIZE_TYPE__))
MELF_ASAN_DECLARE(char *, strcat, (char *, const char *))
MELF_ASAN_DECLARE(int, strcmp, (const char *, const char *))
MELF_ASAN_DECLARE(int, strncmp, (const char *, const char *, __SIZE_TYPE__))
MELF_ASAN_DECLARE(char *, strdup, (const char *))

#undef MELF_ASAN_DECLARE
#undef MELF_ASAN_NOTHROW
#ifdef __cplusplus
}
#endif
#endif
#endif
