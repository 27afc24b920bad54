/*
 * What the calls of the mmview kernel cost, one by one. Arguments: MiB mapped, MiB of them touched, views, threads on other CPUs, and
 * whether those are in views of their own. What is measured stands between two marks, a system call that only this scenario's
 * machine has: the machine then notes its counters.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, WINDOW = 64, MIB = 1 << 20, REPEAT = 32, MOST_VIEWS = 1024 };

/* As in operations.ts. */
enum operation {
    NOTHING,
    TOUCH_ALONE,
    PROTECT_ALONE,
    PROTECT_RANGE_ALONE,
    CREATE,
    CREATE_ALL,
    SWITCH,
    PRESENT,
    TOUCH_BASE,
    TOUCH_OTHER,
    REFAULT,
    COPY_OWN,
    PROTECT_SHARED,
    PROTECT_RANGE,
    PROTECT_OWN,
    DELETE,
    END
};
static void mark(enum operation operation, long count) { syscall(1999, (long)operation, count); }

static long create(void) {
    long view = syscall(1000, 0L);
    if (view < 0) abort();
    return view;
}
static void delete(long view) {
    if (syscall(1000, 1L, view) != 0) abort();
}
static long migrate(long view) { return syscall(1000, 3L, view); }

static volatile unsigned char *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    return at;
}
/* Takes the right to write away and gives it back. */
static void measure_protect(enum operation operation, volatile unsigned char *at, size_t bytes) {
    mark(operation, REPEAT);
    for (int i = 0; i < REPEAT; i++)
        if (mprotect((void *)at, bytes, i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE) != 0) abort();
    mark(END, 0);
}

static volatile int stop, running;
static void *elsewhere(void *view) {
    migrate((long)view);
    __atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
    while (!stop) continue;
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 6) return 2;
    size_t mapped = (size_t)atol(arguments[1]) * MIB, touched = (size_t)atol(arguments[2]) * MIB;
    int views = atoi(arguments[3]), others = atoi(arguments[4]), spread = atoi(arguments[5]);
    volatile unsigned char *memory = map(mapped);
    for (size_t at = 0; at < touched; at += PAGE) memory[at] = 1;
    volatile unsigned char *window = map(WINDOW * PAGE);
    for (int i = 0; i < WINDOW; i++) window[i * PAGE] = 1;
    if (syscall(1000, 4L, window, (long)WINDOW * PAGE) != 0) abort();

    for (int i = 0; i < REPEAT; i++) mark(NOTHING, 1);
    mark(END, 0);

    volatile unsigned char *alone = map((REPEAT + 1) * PAGE);
    alone[0] = 1;
    mark(TOUCH_ALONE, REPEAT);
    for (int i = 1; i <= REPEAT; i++) alone[i * PAGE] = 1;
    mark(END, 0);
    measure_protect(PROTECT_ALONE, memory, PAGE);
    measure_protect(PROTECT_RANGE_ALONE, memory, MIB);
    for (size_t at = 0; at < MIB; at += PAGE) memory[at] = 1; /* writable in the page tables again */

    static long ids[MOST_VIEWS];
    mark(CREATE, 1);
    ids[0] = create();
    mark(END, 0);
    mark(CREATE_ALL, views - 1);
    for (int i = 1; i < views; i++) ids[i] = create();
    mark(END, 0);
    long other = ids[0];

    pthread_t threads[8];
    for (int i = 0; i < others; i++) pthread_create(&threads[i], NULL, elsewhere, (void *)(spread ? ids[i % views] : 0L));
    while (running < others) sched_yield();

    mark(SWITCH, 2 * REPEAT);
    for (int i = 0; i < REPEAT; i++) {
        migrate(other);
        migrate(0);
    }
    mark(END, 0);

    migrate(other);
    mark(PRESENT, REPEAT);
    for (int i = 0; i < REPEAT; i++) memory[(size_t)i * PAGE] = 2;
    mark(END, 0);
    migrate(0);

    /* Pages that nobody has touched, behind each other: the tables for them are there after the first. */
    volatile unsigned char *fresh = map((2 * REPEAT + 4) * PAGE);
    fresh[0] = 1;
    migrate(other);
    fresh[0] = 1;
    migrate(0);
    mark(TOUCH_BASE, REPEAT);
    for (int i = 1; i <= REPEAT; i++) fresh[i * PAGE] = 1;
    mark(END, 0);
    migrate(other);
    mark(REFAULT, REPEAT);
    for (int i = 1; i <= REPEAT; i++) fresh[i * PAGE] = 2;
    mark(END, 0);
    mark(TOUCH_OTHER, REPEAT);
    for (int i = 1; i <= REPEAT; i++) fresh[(REPEAT + i) * PAGE] = 1;
    mark(END, 0);
    mark(COPY_OWN, REPEAT);
    for (int i = 0; i < REPEAT; i++) window[i * PAGE] = 2;
    mark(END, 0);
    measure_protect(PROTECT_OWN, window, WINDOW * PAGE);
    migrate(0);

    measure_protect(PROTECT_SHARED, memory, PAGE);
    measure_protect(PROTECT_RANGE, memory, MIB);

    stop = 1;
    for (int i = 0; i < others; i++) pthread_join(threads[i], NULL);
    mark(DELETE, views);
    for (int i = 0; i < views; i++) delete(ids[i]);
    mark(END, 0);
    return 0;
}
