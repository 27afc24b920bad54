/*
 * R15, contexts that are saved off the stack of the thread that switches: static jmp_bufs, coroutines on stacks of their own, and what must not be
 * taken for one. The argument says which.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif

#include "melf.h"

int saver(int x, int (*then)(int));
int keeper(sigjmp_buf *context, int x, int (*then)(int));
int middle(int x, int (*common)(int));
int waiter(int x);
int hand_over(void);
int walker(const unsigned char *program, int x);
void **labels(void);

#ifdef VARIANT_CODE

#include "unequal-bodies.h"

jmp_buf saved;

/* Whoever jumps to `saved` is in here. */
int saver(int x, int (*then)(int)) {
    MORE(x)
    if (setjmp(saved) != 0) return -1;
    return then(x) + 1;
}

int keeper(sigjmp_buf *context, int x, int (*then)(int)) {
    MORE(x)
    if (sigsetjmp(*context, 1) != 0) return -1;
    return then(x) + 2;
}

static void *table[4]; /* in writable memory on purpose */

/* Jumps by addresses within itself, as interpreters do. */
int walker(const unsigned char *program, int x) {
    static const void *const places[] = {&&stop, &&add, &&twice, &&more};
    if (table[0] == NULL)
        for (int i = 0; i < 4; i++) table[i] = (void *)places[i];
    goto *table[*program];
add:
    x += 1 + VARIANT_CODE;
    goto *table[*++program];
twice:
    x *= 2;
    MORE(x)
    goto *table[*++program];
more:
    x -= VARIANT_CODE;
    goto *table[*++program];
stop:
    return x;
}

void **labels(void) { return table; }

#ifdef __GLIBC__
int waiter(int x) {
    MORE(x)
    return hand_over() + x;
}
#endif

#else

static jmp_buf home, parked;
static sigjmp_buf kept;

static int identity(int x) { return x; }

static void tell(int before) {
    printf("switched: %d\n", before);
    fflush(stdout);
}

/* On a stack of its own, as coroutines are made with setjmp: a handler on an alternate stack that is left by longjmp. */
static void (*body)(void);
static void on_signal(int signo) {
    (void)signo;
    body();
}
static void on_own_stack(void (*function)(void)) {
    stack_t stack = {.ss_size = 65536};
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaction(SIGUSR1, &action, NULL);
    body = function;
    if (setjmp(home) == 0) raise(SIGUSR1);
}

/* Leaves the stack as it is and goes home. */
static int leave(int x) {
    (void)x;
    longjmp(home, 1);
}
static int park(int x) {
    if (setjmp(parked) == 0) longjmp(home, 1);
    return x;
}
static void saves(void) { saver(3, leave); }
static void keeps(void) { keeper(&kept, 3, leave); }
static void parks(void) { printf("resumed %d\n", middle(1, park)); longjmp(home, 1); }

#ifdef __GLIBC__
static ucontext_t main_context, coroutine;
static int yield(int x) {
    swapcontext(&coroutine, &main_context);
    return x;
}
static void runs(void) { printf("resumed %d\n", middle(1, yield)); }
/* Ends in a jump: swapcontext returns to the multivariant caller. */
__attribute__((optimize("optimize-sibling-calls"))) int hand_over(void) {
    return swapcontext(&coroutine, &main_context);
}
static void waits_by_jump(void) { printf("resumed %d\n", waiter(2)); }
static void ucontext(void (*runs)(void)) {
    static char stack[65536];
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = sizeof stack;
    coroutine.uc_link = &main_context;
    makecontext(&coroutine, runs, 0);
    swapcontext(&main_context, &coroutine);
    tell(melf_switch(1));
    swapcontext(&main_context, &coroutine);
}
#endif

/* Where the saved stack pointer lies below everything that comes later. */
static int deeper(void) {
    volatile char room[4096];
    room[0] = 1;
    return saver(1, identity) + room[0];
}

static sem_t inside, go_on;
static int waits(int x) {
    sem_post(&inside);
    sem_wait(&go_on);
    return x;
}
static void *other_thread(void *unused) {
    printf("thread %d\n", keeper(&kept, 1, waits));
    return unused;
}

int main(int count, char **arguments) {
    const char *which = count > 1 ? arguments[1] : "";
    if (melf_init() != 0) return 2;
    if (strcmp(which, "setjmp") == 0) {
        on_own_stack(saves);
        tell(melf_switch(1));
    } else if (strcmp(which, "sigsetjmp") == 0) {
        on_own_stack(keeps);
        tell(melf_switch(1));
    } else if (strcmp(which, "coroutine") == 0) {
        on_own_stack(parks);
        tell(melf_switch(1));
        if (setjmp(home) == 0) longjmp(parked, 1);
#ifdef __GLIBC__
    } else if (strcmp(which, "ucontext") == 0) {
        ucontext(runs);
    } else if (strcmp(which, "tail") == 0) {
        ucontext(waits_by_jump);
#endif
    } else if (strcmp(which, "none") == 0) {
        /* Addresses in the window that are no contexts: of labels, and of functions. And saver has returned: its context is dead. */
        static int (*volatile pointers[])(int, int (*)(int)) = {saver, middle};
        int sum = walker((const unsigned char *)"\2\1\3\0", 5) + deeper() + pointers[1](2, identity);
        printf("%d %d\n", sum > 0, labels()[1] != NULL);
        if (setjmp(home) == 0) tell(melf_switch(1)); /* in common code */
    } else if (strcmp(which, "thread") == 0) {
        /* Another thread's context concerns that thread. */
        sem_init(&inside, 0, 0);
        sem_init(&go_on, 0, 0);
        pthread_t thread;
        pthread_create(&thread, NULL, other_thread, NULL);
        sem_wait(&inside);
        tell(melf_switch(1));
        sem_post(&go_on);
        pthread_join(thread, NULL);
    } else {
        return 3;
    }
    return 0;
}
#endif
