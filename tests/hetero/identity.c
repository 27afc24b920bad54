/* Who each CPU says it is: by its own instructions, in the order of the CPUs, and as /proc/cpuinfo shows it. A child tells where its parent may run. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static void own(int cpu) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    char vendor[13] = "";
    __cpuid(0, a, b, c, d);
    memcpy(vendor, &b, 4), memcpy(vendor + 4, &d, 4), memcpy(vendor + 8, &c, 4);
    __cpuid(1, a, b, c, d);
    printf("own %d %s apic %u", cpu, vendor, b >> 24);
    __cpuid_count(11, 0, a, b, c, d);
    printf(" x2apic %u\n", d);
#else
    unsigned long midr, ctr, dczid;
    __asm__("mrs %0, midr_el1" : "=r"(midr));
    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    __asm__("mrs %0, dczid_el0" : "=r"(dczid));
    printf("own %d %#lx 0x%lx 0x%03lx %lu ctr %#lx dczid %#lx\n", cpu, midr >> 24 & 0xff, midr >> 20 & 0xf, midr >> 4 & 0xfff, midr & 0xf, ctr, dczid);
#endif
}

int main(void) {
    const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN); /* musl counts those that the thread may run on */
    for (int cpu = 0; cpu < cpus; cpu++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) return 1;
        own(cpu);
    }
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[4096];
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "vendor_id", 9) == 0 || strncmp(line, "apicid", 6) == 0 || strncmp(line, "CPU ", 4) == 0) fputs(line, stdout);
    fflush(stdout);
    if (fork() == 0) {
        cpu_set_t set;
        memset(&set, 0, sizeof set);
        CPU_SET(0, &set);
        int put = sched_setaffinity(getppid(), sizeof set, &set);
        cpu_set_t got;
        memset(&got, 0, sizeof got);
        int taken = sched_getaffinity(getppid(), sizeof got, &got);
        printf("parent: %d, %s, only CPU 0: %d\n", put, taken == 0 ? "ok" : "failed", CPU_COUNT(&got) == 1 && CPU_ISSET(0, &got));
        errno = 0;
        printf("nobody: %d\n", sched_setaffinity(99999, sizeof set, &set) != 0 && errno == ESRCH);
        return 0;
    }
    wait(NULL);
    printf("now on CPU %d\n", sched_getcpu());
    return 0;
}
