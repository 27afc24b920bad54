/* What ends a restartable sequence (rseq(2)) besides a move to another CPU: a handler, being preempted; what is wrong with one, and what fork and new threads have of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "../rseq.h"

struct section {
    uint32_t version, flags;
    uint64_t start, length, abort;
} __attribute__((aligned(32)));

static _Thread_local struct rseq area;
static struct section section;
static volatile int in_sequence;

/* The sequence: sets in_sequence and spins; behind it the abort handler, with the signature before it, and one with another signature. */
extern char sequence_start[], sequence_end[], sequence_abort[], unsigned_abort[];
void spin(volatile int *flag);
__asm__(".pushsection .text\n"
        ".globl spin\n"
        "spin:\n"
        "sequence_start:\n"
#if defined(__x86_64__)
        "movl $1, (%rdi)\n"
        "1: jmp 1b\n"
#else
        "mov w9, #1\n"
        "str w9, [x0]\n"
        "1: b 1b\n"
#endif
        "sequence_end:\n"
        ".long 0x53053053\n"
        "sequence_abort: ret\n"
        ".balign 4\n"
        ".long 0x12345678\n"
        "unsigned_abort: ret\n"
        ".popsection\n");

static long enter(void) { return call_rseq(&area, sizeof area, 0, SIGNATURE); }

/* Spins until something takes this thread to the abort handler. */
static void run_sequence(void) {
    in_sequence = 0;
    section = (struct section){0, 0, (uintptr_t)sequence_start, (uintptr_t)(sequence_end - sequence_start), (uintptr_t)sequence_abort};
    area.rseq_cs = (uintptr_t)&section;
    spin(&in_sequence);
}

static uintptr_t interrupted_pc, section_in_handler;

static void handler(int signo, siginfo_t *info, void *context) {
    (void)signo, (void)info;
    const ucontext_t *user = context;
#if defined(__x86_64__)
    interrupted_pc = (uintptr_t)user->uc_mcontext.gregs[REG_RIP];
#else
    interrupted_pc = user->uc_mcontext.pc;
#endif
    section_in_handler = area.rseq_cs;
}

static pthread_t spinner;

static void *interrupt(void *unused) {
    while (!in_sequence) sched_yield();
    pthread_kill(spinner, SIGUSR1);
    return unused;
}

static void by_signal(void) {
    pthread_t thread;
    spinner = pthread_self();
    pthread_create(&thread, NULL, interrupt, NULL);
    run_sequence();
    pthread_join(thread, NULL);
    printf("handler: goes back to %s, sequence %s\n", interrupted_pc == (uintptr_t)sequence_abort ? "the abort handler" : "elsewhere",
           section_in_handler == 0 ? "over" : "not over");
    interrupted_pc = 0;
    area.rseq_cs = (uintptr_t)&section;
    raise(SIGUSR1);
    printf("outside of its sequence: goes back to %s, sequence %s\n", interrupted_pc == (uintptr_t)sequence_abort ? "the abort handler" : "where it was",
           section_in_handler == 0 ? "over" : "not over");
}

static volatile int is_done;

static void *take_cpu(void *unused) {
    while (!is_done) {}
    return unused;
}

static void by_preemption(void) {
    pthread_t thread;
    cpu_set_t old, one;
    pthread_getaffinity_np(pthread_self(), sizeof old, &old);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one); /* the new thread has it, too */
    pthread_create(&thread, NULL, take_cpu, NULL);
    run_sequence();
    is_done = 1;
    printf("preempted: sequence %s, cpu_id %s\n", area.rseq_cs == 0 ? "over" : "not over",
           (int)*(volatile uint32_t *)&area.cpu_id == sched_getcpu() ? "right" : "wrong");
    pthread_join(thread, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof old, &old);
}

static void on_fault(int signo) {
    (void)signo;
    _exit(77);
}

/* How a child ends that is interrupted in a sequence which is described wrongly. */
static void wrong(const char *what, uint32_t version, uintptr_t abort, uint64_t length) {
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, on_fault);
        section = (struct section){version, 0, (uintptr_t)sequence_start, length, abort};
        area.rseq_cs = (uintptr_t)&section;
        raise(SIGUSR1);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) printf("%s: %s\n", what, strsignal(WTERMSIG(status)));
    else printf("%s: exit code %d\n", what, WEXITSTATUS(status));
}

static void wrong_ones(void) {
    const uint64_t length = (uintptr_t)(sequence_end - sequence_start);
    const uintptr_t abort = (uintptr_t)sequence_abort;
    wrong("well described", 0, abort, length);
    wrong("other signature", 0, (uintptr_t)unsigned_abort, length);
    wrong("version 1", 1, abort, length);
    wrong("abort handler inside", 0, abort, length + 64);
    wrong("end before start", 0, abort, UINT64_MAX - 64);
    wrong("abort handler at nothing", 0, 4096, length);
}

static void *of_new_thread(void *unused) {
    printf("new thread: leave %ld, ", call_rseq(&area, sizeof area, 1, SIGNATURE));
    printf("enter %ld, ", enter());
    printf("cpu_id %s\n", (int)*(volatile uint32_t *)&area.cpu_id == sched_getcpu() ? "right" : "wrong");
    return unused;
}

static void of_others(void) {
    pthread_t thread;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    pthread_create(&thread, NULL, of_new_thread, NULL);
    pthread_join(thread, NULL);
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        printf("child: again %ld, other signature %ld, ", enter(), call_rseq(&area, sizeof area, 0, 1));
        area.cpu_id = 99;
        sched_yield();
        spinner = pthread_self();
        pthread_create(&thread, NULL, interrupt, NULL);
        run_sequence();
        pthread_join(thread, NULL);
        printf("interrupted in a sequence of its own, cpu_id %s\n", (int)*(volatile uint32_t *)&area.cpu_id == sched_getcpu() ? "right" : "wrong");
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

int main(void) {
    printf("misaligned %ld\n", call_rseq((struct rseq *)((char *)&area + 8), sizeof area, 0, SIGNATURE));
    printf("wrong length %ld\n", call_rseq(&area, 16, 0, SIGNATURE));
    printf("unknown flag %ld\n", call_rseq(&area, sizeof area, 1 << 20, SIGNATURE));
    printf("leave before %ld\n", call_rseq(&area, sizeof area, 1, SIGNATURE));
    printf("enter %ld\n", enter());
    printf("again %ld, elsewhere %ld, other signature %ld\n", enter(), call_rseq(&(struct rseq){0}, sizeof area, 0, SIGNATURE),
           call_rseq(&area, sizeof area, 0, 1));
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    by_signal();
    by_preemption();
    wrong_ones();
    of_others();
    printf("leave: other signature %ld, ", call_rseq(&area, sizeof area, 1, 1));
    printf("right %ld, ", call_rseq(&area, sizeof area, 1, SIGNATURE));
    printf("cpu_id %d\n", (int)*(volatile uint32_t *)&area.cpu_id);
    return 0;
}
