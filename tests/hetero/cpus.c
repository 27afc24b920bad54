/*
 * Goes to every CPU in turn and tells what it finds there: where it is, what /proc/cpuinfo and the CPU itself say, and which instructions
 * the CPU refuses, with SIGILL's address. Vector registers and flags of the floating-point unit have to come along.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { MAX_CPUS = 16 };

static sigjmp_buf back;
static void *refused_at;

static void on_sigill(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    refused_at = info->si_addr;
    siglongjmp(back, 1);
}

struct probe {
    const char *feature;
    void (*run)(void);
    /* the instruction itself; what stands before it must have been executed */
    char *at;
};

/* Each probe counts up before its instruction, in the same block. */
static volatile long before;
static uint64_t memory[4] __attribute__((aligned(16)));

#define PROBE(name, setup, instruction, ...)                                                                           \
    extern char at_##name[];                                                                                           \
    static __attribute__((noinline)) void run_##name(void) {                                                           \
        __asm__ volatile(setup "\n.globl at_" #name "\nat_" #name ": " instruction : "+m"(before)                      \
                         : [memory] "r"(memory)                                                                        \
                         : "memory", __VA_ARGS__);                                                                     \
    }

#if defined(__x86_64__)
#define COUNT "incq %0"
PROBE(ssse3, COUNT, "pshufb %%xmm1, %%xmm0", "xmm0")
PROBE(sse4_1, COUNT, "pmulld %%xmm1, %%xmm0", "xmm0")
PROBE(sse4_2, COUNT, "crc32l %%ecx, %%eax", "eax")
PROBE(popcnt, COUNT, "popcntl %%ecx, %%eax", "eax", "cc")
PROBE(aes, COUNT, "aesenc %%xmm1, %%xmm0", "xmm0")
PROBE(pclmulqdq, COUNT, "pclmulqdq $0, %%xmm1, %%xmm0", "xmm0")
PROBE(bmi1, COUNT, "andnl %%ecx, %%edx, %%eax", "eax", "cc")
PROBE(bmi2, COUNT, "pdepl %%ecx, %%edx, %%eax", "eax")
PROBE(movbe, COUNT, "movbe (%[memory]), %%eax", "eax")
PROBE(rdrand, COUNT, "rdrand %%eax", "eax", "cc")
PROBE(rdseed, COUNT, "rdseed %%eax", "eax", "cc")
PROBE(fsgsbase, COUNT, "rdgsbase %%rax", "rax")
PROBE(adx, COUNT, "adcx %%ecx, %%eax", "eax", "cc")
PROBE(clwb, COUNT, "clwb (%[memory])", "cc")
PROBE(avx, COUNT, "vaddps %%xmm1, %%xmm2, %%xmm0", "xmm0")
PROBE(avx2, COUNT, "vpermq $0, %%ymm1, %%ymm0", "xmm0")
#define EACH(X) X(ssse3) X(sse4_1) X(sse4_2) X(popcnt) X(aes) X(pclmulqdq) X(bmi1) X(bmi2) X(movbe) X(rdrand) X(rdseed) X(fsgsbase) X(adx) X(clwb) X(avx) X(avx2)
#else
#define COUNT "ldr x9, %0\nadd x9, x9, #1\nstr x9, %0"
PROBE(atomics, COUNT, ".arch_extension lse\nldadd x1, x2, [%[memory]]", "x2", "x9")
PROBE(asimddp, COUNT, ".arch armv8.2-a+dotprod\nsdot v0.4s, v1.16b, v2.16b", "v0", "x9")
PROBE(asimdrdm, COUNT, ".arch armv8.1-a\nsqrdmlah v0.4s, v1.4s, v2.4s", "v0", "x9")
PROBE(lrcpc, COUNT, ".arch armv8.3-a\nldapr x2, [%[memory]]", "x2", "x9")
PROBE(sha512, COUNT, ".arch armv8.2-a+sha3\nsha512su0 v0.2d, v1.2d", "v0", "x9")
PROBE(sha3, COUNT, ".arch armv8.2-a+sha3\neor3 v0.16b, v1.16b, v2.16b, v3.16b", "v0", "x9")
PROBE(asimdhp, COUNT, ".arch armv8.2-a+fp16\nfadd v0.8h, v1.8h, v2.8h", "v0", "x9")
PROBE(aes, COUNT, ".arch armv8-a+crypto\naese v0.16b, v1.16b", "v0", "x9")
PROBE(fphp, COUNT, ".arch armv8.2-a+fp16\nfmadd h0, h1, h2, h3", "v0", "x9")
PROBE(asimdfhm, COUNT, ".arch armv8.2-a+fp16fml\nfmlal v0.4s, v1.4h, v2.4h", "v0", "x9")
PROBE(sm3, COUNT, ".arch armv8.2-a+sm4\nsm3partw1 v0.4s, v1.4s, v2.4s", "v0", "x9")
PROBE(sm4, COUNT, ".arch armv8.2-a+sm4\nsm4e v0.4s, v1.4s", "v0", "x9")
PROBE(fcma, COUNT, ".arch armv8.3-a\nfcadd v0.4s, v1.4s, v2.4s, #90", "v0", "x9")
PROBE(jscvt, COUNT, ".arch armv8.3-a\nfjcvtzs w2, d0", "x2", "x9", "cc")
PROBE(flagm, COUNT, ".arch armv8.4-a\ncfinv", "x9", "cc")
PROBE(flagm2, COUNT, ".arch armv8.5-a\naxflag", "x9", "cc")
PROBE(frint, COUNT, ".arch armv8.5-a\nfrint32z s0, s1", "v0", "x9")
PROBE(sb, COUNT, ".arch armv8.5-a\nsb", "x9")
PROBE(dcpop, COUNT, ".arch armv8.2-a\ndc cvap, %[memory]", "x9")
PROBE(dcpodp, COUNT, ".arch armv8.5-a\ndc cvadp, %[memory]", "x9")
PROBE(paca, COUNT, ".arch armv8.3-a\npaciza x2", "x2", "x9")
PROBE(rng, COUNT, "mrs x2, s3_3_c2_c4_0", "x2", "x9", "cc")
PROBE(sve, COUNT, ".arch armv8.2-a+sve\ncntb x2", "x2", "x9")
#define EACH(X) X(atomics) X(asimddp) X(asimdrdm) X(lrcpc) X(sha512) X(sha3) X(asimdhp) X(aes) X(fphp) X(asimdfhm) X(sm3) X(sm4) X(fcma) X(jscvt) X(flagm) X(flagm2) X(frint) X(sb) X(dcpop) X(dcpodp) X(paca) X(rng) X(sve)
#endif

#define ENTRY(name) {#name, run_##name, at_##name},
static const struct probe probes[] = {EACH(ENTRY)};

static char flags_of[MAX_CPUS][4096];

static void read_cpuinfo(void) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    static char line[4096];
    int cpu = -1;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "processor : %d", &cpu);
        char *colon = strchr(line, ':');
        if (cpu < 0 || cpu >= MAX_CPUS || colon == NULL) continue;
        if (strncmp(line, "flags", 5) != 0 && strncmp(line, "Features", 8) != 0) continue;
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(flags_of[cpu], sizeof flags_of[cpu], "%s ", colon + 1);
    }
    if (file != NULL) fclose(file);
}

static int has_flag(int cpu, const char *feature) {
    char word[64];
    snprintf(word, sizeof word, " %s ", feature);
    return strstr(flags_of[cpu], word) != NULL;
}

/* What the CPU itself says, by CPUID or ID registers. */
static int says(const char *feature) {
#if defined(__x86_64__)
    unsigned a, b, c, d, c1, b7 = 0;
    __cpuid(1, a, b, c1, d);
    if (__get_cpuid_max(0, NULL) >= 7) __cpuid_count(7, 0, a, b7, c, d);
    static const struct {
        const char *name;
        int leaf, bit;
    } bits[] = {{"ssse3", 1, 9}, {"sse4_1", 1, 19}, {"sse4_2", 1, 20}, {"popcnt", 1, 23}, {"aes", 1, 25}, {"pclmulqdq", 1, 1},
                {"movbe", 1, 22}, {"rdrand", 1, 30}, {"rdseed", 7, 18}, {"fsgsbase", 7, 0}, {"adx", 7, 19}, {"clwb", 7, 24}, {"avx", 1, 28}, {"bmi1", 7, 3}, {"bmi2", 7, 8}, {"avx2", 7, 5}};
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++)
        if (strcmp(bits[i].name, feature) == 0) return (bits[i].leaf == 1 ? c1 : b7) >> bits[i].bit & 1;
#else
    uint64_t isar0, isar1, pfr0;
    __asm__("mrs %0, s3_0_c0_c6_0" : "=r"(isar0));
    __asm__("mrs %0, s3_0_c0_c6_1" : "=r"(isar1));
    __asm__("mrs %0, s3_0_c0_c4_0" : "=r"(pfr0));
    static const struct {
        const char *name;
        int reg, bit;
        unsigned least;
    } fields[] = {{"atomics", 0, 20, 2}, {"asimddp", 0, 44, 1}, {"asimdrdm", 0, 28, 1}, {"lrcpc", 1, 20, 1}, {"sha512", 0, 12, 2},
                  {"sha3", 0, 32, 1}, {"asimdhp", 2, 20, 1}, {"aes", 0, 4, 1}, {"fphp", 2, 16, 1}, {"asimdfhm", 0, 48, 1}, {"sm3", 0, 36, 1},
                  {"sm4", 0, 40, 1}, {"fcma", 1, 16, 1}, {"jscvt", 1, 12, 1}, {"flagm", 0, 52, 1}, {"flagm2", 0, 52, 2}, {"frint", 1, 32, 1}, {"sb", 1, 36, 1},
                  {"dcpop", 1, 0, 1}, {"dcpodp", 1, 0, 2}, {"paca", 1, 4, 1}, {"rng", 0, 60, 1}, {"sve", 2, 32, 1}};
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        const uint64_t value = fields[i].reg == 0 ? isar0 : fields[i].reg == 1 ? isar1 : pfr0;
        if (strcmp(fields[i].name, feature) == 0) return (value >> fields[i].bit & 15) >= fields[i].least;
    }
#endif
    return -1;
}

static long affinity(const cpu_set_t *set) { return sched_setaffinity(0, sizeof *set, set); }

/* Goes to `cpu` with known values in registers that nothing touches on the way; whether they arrived. */
static int move_with_registers(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    uint64_t in[2] = {0x0123456789abcdefu + (uint64_t)cpu, 0xfedcba9876543210u}, out[2] = {0, 0};
#if defined(__x86_64__)
    long result = SYS_sched_setaffinity;
    uint32_t control_in = 0x1f80 | 0x6000, control_out = 0, standard = 0x1f80; /* rounding towards zero */
    __asm__ volatile("movdqu %[in], %%xmm13\nldmxcsr %[control_in]\nsyscall\nstmxcsr %[control_out]\nmovdqu %%xmm13, %[out]\nldmxcsr %[standard]"
                     : "+a"(result), [out] "=m"(out), [control_out] "=m"(control_out)
                     : "D"(0), "S"(sizeof set), "d"(&set), [in] "m"(in), [control_in] "m"(control_in), [standard] "m"(standard)
                     : "rcx", "r11", "xmm13", "memory");
    int kept = (control_out & 0x6000) == 0x6000;
#else
    register long number __asm__("x8") = SYS_sched_setaffinity;
    register long result __asm__("x0") = 0;
    register long size __asm__("x1") = sizeof set;
    register cpu_set_t *pointer __asm__("x2") = &set;
    uint64_t control = 0;
    __asm__ volatile("ldr q21, %[in]\nmov x9, #0xc00000\nmsr fpcr, x9\nsvc #0\nmrs %[control], fpcr\nmsr fpcr, xzr\nstr q21, %[out]"
                     : "+r"(result), [out] "=m"(out), [control] "=&r"(control)
                     : "r"(number), "r"(size), "r"(pointer), [in] "m"(in)
                     : "x9", "v21", "memory");
    int kept = control == 0xc00000;
#endif
    return result == 0 && kept && memcmp(in, out, sizeof in) == 0;
}

/* What the CPU's own instruction gives. */
static unsigned long long random_number(void) {
    unsigned long long number;
#if defined(__x86_64__)
    __asm__ volatile("rdrand %0" : "=r"(number) : : "cc");
#else
    __asm__ volatile("mrs %0, s3_3_c2_c4_0" : "=r"(number) : : "cc");
#endif
    return number;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    read_cpuinfo();
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    int cpus = CPU_COUNT(&all);
    printf("cpus %d\n", cpus);
    for (int round = 0; round < 2; round++) {
        for (int cpu = 0; cpu < cpus; cpu++) {
            int arrived = move_with_registers(cpu);
            cpu_set_t now;
            sched_getaffinity(0, sizeof now, &now);
            int alone = CPU_COUNT(&now) == 1 && CPU_ISSET((size_t)cpu, &now);
            printf("cpu %d: getcpu %d, affinity %s, registers %s\n", cpu, sched_getcpu(), alone ? "right" : "wrong", arrived ? "kept" : "lost");
            for (unsigned i = 0; i < sizeof probes / sizeof *probes; i++) {
                const struct probe *probe = &probes[i];
                long count = before;
                const char *outcome = "executed";
                if (sigsetjmp(back, 1) == 0) probe->run();
                else outcome = refused_at == (void *)probe->at ? "refused" : "refused elsewhere";
                printf("cpu %d %s: %s, cpuinfo %d, cpuid %d, before %ld\n", cpu, probe->feature, outcome, has_flag(cpu, probe->feature),
                       says(probe->feature), before - count);
            }
        }
    }
    move_with_registers(0);
    printf("random %llx\n", sigsetjmp(back, 1) == 0 ? random_number() : 0ull);
    affinity(&all);
    printf("hwcap %lx\n", getauxval(AT_HWCAP));
    return 0;
}
