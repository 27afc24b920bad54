/* Block and string functions as sanitised code calls them (redirect.h): the memory that they touch is checked, then libc does the work. */
#include "parts.h"

#include <string.h>

#define CHECKED(address, bytes, access)                                                                                \
    do {                                                                                                               \
        if (UNLIKELY(first_bad((uintptr_t)(address), bytes) != 0))                                                     \
            report_access((uintptr_t)(address), bytes, access, CALLER());                                              \
    } while (0)

static bool overlap(const void *a, const void *b, size_t bytes) {
    return a != b && (uintptr_t)a - (uintptr_t)b + bytes - 1 < 2 * bytes - 1;
}

PUBLIC void *__asan_memcpy(void *to, const void *from, size_t bytes) {
    CHECKED(from, bytes, ACCESS_READ);
    CHECKED(to, bytes, ACCESS_WRITE);
    if (UNLIKELY(bytes != 0 && overlap(to, from, bytes)))
        report(REPORT_OVERLAP, ACCESS_WRITE, (uintptr_t)to, bytes, CALLER());
    return memmove(to, from, bytes);
}

PUBLIC void *__asan_memmove(void *to, const void *from, size_t bytes) {
    CHECKED(from, bytes, ACCESS_READ);
    CHECKED(to, bytes, ACCESS_WRITE);
    return memmove(to, from, bytes);
}

PUBLIC void *__asan_memset(void *to, int byte, size_t bytes) {
    CHECKED(to, bytes, ACCESS_WRITE);
    return memset(to, byte, bytes);
}

/* All of both, though a difference may come earlier: the caller promised that many. */
PUBLIC int __asan_memcmp(const void *a, const void *b, size_t bytes) {
    CHECKED(a, bytes, ACCESS_READ);
    CHECKED(b, bytes, ACCESS_READ);
    return memcmp(a, b, bytes);
}

PUBLIC size_t __asan_strlen(const char *text) {
    size_t length = strlen(text);
    CHECKED(text, length + 1, ACCESS_READ);
    return length;
}

PUBLIC char *__asan_strcpy(char *to, const char *from) {
    size_t bytes = strlen(from) + 1;
    CHECKED(from, bytes, ACCESS_READ);
    CHECKED(to, bytes, ACCESS_WRITE);
    return memmove(to, from, bytes);
}

PUBLIC char *__asan_strncpy(char *to, const char *from, size_t most) {
    size_t length = strnlen(from, most);
    CHECKED(from, length < most ? length + 1 : most, ACCESS_READ);
    CHECKED(to, most, ACCESS_WRITE);
    return strncpy(to, from, most);
}

PUBLIC char *__asan_strcat(char *to, const char *from) {
    size_t length = strlen(to), bytes = strlen(from) + 1;
    CHECKED(from, bytes, ACCESS_READ);
    CHECKED(to, length + bytes, ACCESS_WRITE);
    memmove(to + length, from, bytes);
    return to;
}

/* Up to the first difference: callers compare texts without an end that way. */
static size_t compared(const char *a, const char *b, size_t most) {
    size_t count = 0;
    while (count < most && a[count] == b[count] && a[count] != '\0') count++;
    return count < most ? count + 1 : most;
}

PUBLIC int __asan_strcmp(const char *a, const char *b) {
    size_t bytes = compared(a, b, SIZE_MAX);
    CHECKED(a, bytes, ACCESS_READ);
    CHECKED(b, bytes, ACCESS_READ);
    return strcmp(a, b);
}

PUBLIC int __asan_strncmp(const char *a, const char *b, size_t most) {
    size_t bytes = compared(a, b, most);
    CHECKED(a, bytes, ACCESS_READ);
    CHECKED(b, bytes, ACCESS_READ);
    return strncmp(a, b, most);
}

PUBLIC char *__asan_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    CHECKED(text, bytes, ACCESS_READ);
    char *copy = heap_allocate(bytes, 16, false, CALLER());
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}
