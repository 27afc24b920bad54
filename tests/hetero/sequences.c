/* Restartable sequences (rseq(2)): where a thread is without a call, and that it was moved to another CPU in the midst of a sequence. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "../rseq.h"

static struct rseq area;
static pthread_t spinner;
static volatile int is_spinning;

static long call(int flags) { return call_rseq(&area, sizeof area, flags, SIGNATURE); }

static void go_to(pthread_t thread, int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    pthread_setaffinity_np(thread, sizeof set, &set);
}

/* A sequence without an end of its own: only the abort handler leaves it. */
static void spin_in_sequence(void) {
    __asm__ volatile(".pushsection .data.rel, \"aw\"\n"
                     ".balign 32\n"
                     "9: .long 0, 0\n"
                     ".quad 1f, 2f - 1f, 3f\n"
                     ".popsection\n"
#if defined(__x86_64__)
                     "lea 9b(%%rip), %%rax\n"
                     "mov %%rax, %0\n"
                     "1: movl $1, %1\n"
                     "4: jmp 4b\n"
                     "2: .long 0x53053053\n"
                     "3:\n"
                     : "=m"(area.rseq_cs), "=m"(is_spinning)
                     :
                     : "rax", "memory");
#else
                     "adrp x9, 9b\n"
                     "add x9, x9, :lo12:9b\n"
                     "str x9, %0\n"
                     "mov w9, #1\n"
                     "1: str w9, %1\n"
                     "4: b 4b\n"
                     "2: .long 0x53053053\n"
                     "3:\n"
                     : "=m"(area.rseq_cs), "=m"(is_spinning)
                     :
                     : "x9", "memory");
#endif
}

static void *mover(void *unused) {
    while (!is_spinning) usleep(100);
    usleep(1000);
    go_to(spinner, 3);
    return unused;
}

int main(void) {
    printf("%s\n", call(0) == 0 ? "registered" : "not registered");
    const int order[] = {0, 2, 1, 3};
    for (int i = 0; i < 4; i++) {
        go_to(pthread_self(), order[i]);
        printf("on %d: cpu_id %u, getcpu %d\n", order[i], *(volatile uint32_t *)&area.cpu_id, sched_getcpu());
    }
    cpu_set_t all = {{15}};
    pthread_t thread;
    spinner = pthread_self();
    pthread_create(&thread, NULL, mover, NULL);
    pthread_setaffinity_np(thread, sizeof all, &all);
    go_to(spinner, 0);
    spin_in_sequence();
    printf("moved in a sequence: %s, cpu_id %u\n", area.rseq_cs == 0 ? "aborted" : "not aborted", *(volatile uint32_t *)&area.cpu_id);
    pthread_join(thread, NULL);
    printf("again %s\n", call(0) == EBUSY ? "EBUSY" : "?");
    printf("%s\n", call(1) == 0 && area.cpu_id == UINT32_MAX ? "left" : "not left");
    return 0;
}
