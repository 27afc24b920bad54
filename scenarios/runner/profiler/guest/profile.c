/*
 * The profiling runtime that `gcc -pg -mfentry` code calls: as gprof's, it counts for the whole process how often each call site
 * called each function. Unlike glibc's mcount, which drops a call when another thread is counting and adds with plain
 * instructions, it is exact: one compare-and-exchange per new arc, one atomic addition per call, no lock.
 *
 * Async-signal safe, never recursive (compiled without -pg, calls nothing on the counting path), all memory static.
 *
 * Environment: MELF_PROFILE_OUT=file, where the counts go when the process exits. Lines of text:
 *   melf-profile 1
 *   arc <address after the call, hex> <address in the called function, hex> <calls, decimal>
 *   lost <calls that found the table full, decimal>
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Two words of 32 bits in one: programs here are linked below 4 GiB. */
struct arc {
    uint64_t key; /* call site, called function; 0 while free */
    uint64_t calls;
};

enum { ARC_BITS = 14, ARCS = 1 << ARC_BITS };
static struct arc arcs[ARCS] __attribute__((aligned(64)));
static uint64_t lost __attribute__((aligned(64)));

/* Where the machine wants to be told of accesses to cache lines that CPUs contend for (see docs/cost-model.md): the address goes to word 0
 * for a write, to word 1 for a read. A kernel that does not announce such a port gets them written into a page that nobody reads. */
enum { AT_MELF_PORT = 0x4d454c46 };
enum { PORT_WRITE = 0, PORT_READ = 1 };
static volatile uint32_t no_port[2];
static volatile uint32_t *port = no_port;

__attribute__((constructor(102))) static void find_port(void) {
    unsigned long address = getauxval(AT_MELF_PORT);
    if (address != 0) port = (volatile uint32_t *)(uintptr_t)address;
}

/* Called by __fentry__ with both return addresses. */
void melf_profile_arc(uintptr_t call_site, uintptr_t function) {
    uint64_t key = (uint64_t)call_site << 32 | (uint32_t)function;
    /* Fibonacci hashing: the upper bits of the product depend on all bits of the key. */
    uint32_t start = (uint32_t)(key * 0x9e3779b97f4a7c15u >> (64 - ARC_BITS));
    for (uint32_t step = 0; step < ARCS; step++) {
        struct arc *arc = &arcs[(start + step) & (ARCS - 1)];
        uint64_t found = __atomic_load_n(&arc->key, __ATOMIC_RELAXED);
        /* A failed exchange puts what is there into `found`: it may be this very key, put in by another thread. */
        if (found == 0 && __atomic_compare_exchange_n(&arc->key, &found, key, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            found = key;
        if (found == key) {
            __atomic_fetch_add(&arc->calls, 1, __ATOMIC_RELAXED);
            port[PORT_WRITE] = (uint32_t)(uintptr_t)arc;
            return;
        }
        port[PORT_READ] = (uint32_t)(uintptr_t)arc;
    }
    __atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
    port[PORT_WRITE] = (uint32_t)(uintptr_t)&lost;
}

struct output {
    int file;
    size_t used;
    char text[4096];
};

static void flush(struct output *out) {
    for (size_t done = 0; done < out->used;) {
        ssize_t put = write(out->file, out->text + done, out->used - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            dprintf(STDERR_FILENO, "profile: cannot be written: %s\n", strerror(errno));
            break;
        }
        done += (size_t)put;
    }
    out->used = 0;
}

static void dump(int file) {
    static struct output out;
    out.file = file;
    out.used = (size_t)sprintf(out.text, "melf-profile 1\n");
    for (const struct arc *arc = arcs; arc < arcs + ARCS; arc++) {
        uint64_t key = __atomic_load_n(&arc->key, __ATOMIC_RELAXED);
        uint64_t calls = __atomic_load_n(&arc->calls, __ATOMIC_RELAXED);
        if (calls == 0) continue;
        if (out.used > sizeof out.text - 64) flush(&out);
        out.used += (size_t)sprintf(out.text + out.used, "arc %x %x %llu\n", (unsigned)(key >> 32), (unsigned)key,
                                    (unsigned long long)calls);
    }
    out.used += (size_t)sprintf(out.text + out.used, "lost %llu\n",
                                (unsigned long long)__atomic_load_n(&lost, __ATOMIC_RELAXED));
    flush(&out);
}

__attribute__((destructor(101))) static void dump_at_exit(void) {
    const char *name = getenv("MELF_PROFILE_OUT");
    if (name == NULL || *name == '\0') return;
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) {
        dprintf(STDERR_FILENO, "profile: %s: %s\n", name, strerror(errno));
        return;
    }
    dump(file);
    close(file);
}
