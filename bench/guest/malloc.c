/* Allocates and frees a block so many times, ten calls below main. With a second argument the loop alone. */
#include <stdlib.h>

static __attribute__((noinline)) void rounds(long count, int allocates) {
    for (long i = 0; i < count; i++) {
        void *block = allocates ? malloc(40) : NULL;
        __asm__ volatile("" : "+r"(block) : : "memory");
        if (allocates) free(block);
    }
}

static __attribute__((noinline)) void deeper(int frames, long count, int allocates) {
    if (frames == 0) rounds(count, allocates);
    else deeper(frames - 1, count, allocates);
    __asm__ volatile("" : : : "memory"); /* no tail call */
}

int main(int words, char **argv) {
    deeper(8, words > 1 ? atol(argv[1]) : 0, words < 3);
    return 0;
}
