/*
 * The kernels that jobs execute. kernels.c is compiled once per variant; everything here and in tables.c is common code and data.
 * A kernel works on two inputs of INPUT_BYTES and has no state, so a switch between two calls is always safe.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

enum { INPUT_BYTES = 4096 };

/* Call number n of a job gets its first input and the second from byte n % SHIFTS on. */
enum { SHIFTS = 64 };

typedef uint32_t kernel_function(const uint8_t *a, const uint8_t *b);

struct kernel {
    const char *name;
    kernel_function *run;
};

/* Ends with a kernel without a name. */
#ifndef KERNELS_CHOSEN
extern const struct kernel kernels[];
#endif

/* For an executable that holds both compiles under names of their own (choose.c). */
#define KERNEL_NAME2(name, suffix) name##suffix
#define KERNEL_NAME1(name, suffix) KERNEL_NAME2(name, suffix)
#ifndef KERNEL_SUFFIX
#define KERNEL_SUFFIX
#endif
#define KERNEL(name) KERNEL_NAME1(kernel_##name, KERNEL_SUFFIX)

#define EACH_KERNEL(X) X(fib) X(dot8) X(matrix) X(hamming) X(crc32c) X(aesctr) X(anyof) X(histogram) X(sha256)

/* Tables that the portable forms of kernels use, filled before main. */
extern uint32_t crc_table[8][256];
extern uint32_t aes_table[256];
extern uint8_t aes_sbox[256];
extern uint32_t aes_round_keys[44];
extern uint8_t set_members[16];
extern uint8_t set_table[256];
/* What jobs of the histogram kernel count into, all of them together. */
extern uint32_t histogram_bins[256];

#endif
