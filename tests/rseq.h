/* Restartable sequences, rseq(2), as in include/uapi/linux/rseq.h: for programs without a libc that knows them. */
#ifndef RSEQ_H
#define RSEQ_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNATURE 0x53053053

struct rseq {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs;
    uint32_t flags, padding[3];
} __attribute__((aligned(32)));

/* Registers an area, or with flag 1 takes it back: 0 or errno. */
static long call_rseq(struct rseq *where, unsigned length, int flags, uint32_t signature) {
    return syscall(SYS_rseq, where, length, flags, signature) == 0 ? 0 : errno;
}

#endif
