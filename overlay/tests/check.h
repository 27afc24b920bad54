/*
 * For the test programs here: the mmview calls, and checks that say what they expect. A program prints a line for each check
 * ("ok ..." or "FAIL ...") and ends with the number of those that failed.
 */
#ifndef CHECK_H
#define CHECK_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096 };

static int failures;

#define EXPECT(condition, ...) expect((condition), #condition, __VA_ARGS__)
__attribute__((format(printf, 3, 4), unused)) static void expect(int holds, const char *what, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf(holds ? "ok " : "FAIL ");
    vprintf(format, arguments);
    if (!holds) printf(" [%s]", what);
    printf("\n");
    fflush(stdout);
    va_end(arguments);
    failures += !holds;
}

/* The calls as they return inside the kernel: negative errno. */
static long raw(long result) { return result < 0 ? -errno : result; }
__attribute__((unused)) static long mmview_create(void) { return raw(syscall(1000, 0L)); }
__attribute__((unused)) static long mmview_delete(long id) { return raw(syscall(1000, 1L, id)); }
__attribute__((unused)) static long mmview_current(void) { return raw(syscall(1000, 2L)); }
__attribute__((unused)) static long mmview_migrate(long id) { return raw(syscall(1000, 3L, id)); }
__attribute__((unused)) static long mmview_unshare(const void *at, size_t bytes) {
    return raw(syscall(1000, 4L, at, bytes));
}
__attribute__((unused)) static long mmview_share(const void *at, size_t bytes) {
    return raw(syscall(1000, 5L, at, bytes));
}
__attribute__((unused)) static long mmview_switch_base(void) { return raw(syscall(1000, 6L)); }

/* Anonymous private memory of the process. */
__attribute__((unused)) static volatile unsigned char *pages(size_t count) {
    void *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    return at;
}
#define MEMORY(pointer) ((void *)(uintptr_t)(pointer))

/* Whether the kernel can read, and write, a byte in the caller's view. What is there stays. */
__attribute__((unused)) static int readable(const volatile unsigned char *at) {
    int ends[2];
    if (pipe(ends) != 0) abort();
    ssize_t put = write(ends[1], MEMORY(at), 1);
    close(ends[0]);
    close(ends[1]);
    return put == 1;
}
__attribute__((unused)) static int writable(volatile unsigned char *at) {
    int ends[2];
    if (pipe(ends) != 0) abort();
    /* Reading a byte into itself: it has to be readable for that. */
    if (write(ends[1], MEMORY(at), 1) != 1) abort();
    ssize_t got = read(ends[0], MEMORY(at), 1);
    close(ends[0]);
    close(ends[1]);
    return got == 1;
}

__attribute__((unused)) static pthread_t start(void *(*body)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) != 0) abort();
    return thread;
}
__attribute__((unused)) static void *join(pthread_t thread) {
    void *result;
    if (pthread_join(thread, &result) != 0) abort();
    return result;
}

/* Runs `body` in another view and comes back. */
#define IN_VIEW(id, body)                                                                                              \
    do {                                                                                                               \
        long in_view_before = mmview_migrate(id);                                                                      \
        body;                                                                                                          \
        mmview_migrate(in_view_before);                                                                                \
    } while (0)

#endif
