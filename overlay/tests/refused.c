/* On every kind of CPU, in every variant: is an instruction of an extension refused, in a variant's code and in common code? */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

#include "melf.h"

#if defined(__x86_64__)
#define EXTENSION __asm__ volatile("pcmpgtq %%xmm1, %%xmm0" ::: "xmm0")
#else
#define EXTENSION __asm__ volatile(".arch armv8.2-a+dotprod\n sdot v0.4s, v1.16b, v2.16b" ::: "v0")
#endif

int work(int x);

#ifdef VARIANT_CODE
int work(int x) {
    if (VARIANT_CODE == 1) EXTENSION;
    return x + VARIANT_CODE;
}
#else

static sigjmp_buf back;

static void on_refusal(int signo) {
    (void)signo;
    siglongjmp(back, 1);
}

static int common(int x) {
    EXTENSION;
    return x;
}

static void try(const char *what, int (*function)(int), int cpu) {
    if (sigsetjmp(back, 1) == 0) printf("%d %s: %d\n", cpu, what, function(10));
    else printf("%d %s: refused\n", cpu, what);
}

int main(void) {
    signal(SIGILL, on_refusal);
    for (int cpu = 0; cpu < 4; cpu += 3) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
        for (int variant = 0; variant < 2; variant++) {
            melf_switch(variant);
            try(melf_variant_name(variant), work, cpu);
        }
        try("common", common, cpu);
    }
    return 0;
}
#endif
