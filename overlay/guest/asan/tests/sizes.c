/*
 * Blocks of many sizes, with the same four errors at each, which must not end the program: one byte behind the block, one before it, its first and
 * its last after it was freed. Arguments: sizes. Prints each block's size and address.
 */
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))
static volatile int sink;

NOINLINE char *make_block(size_t bytes) { return malloc(bytes); }
NOINLINE void drop_block(char *block) { free(block); sink++; }
NOINLINE void touch(const char *block, long index) { sink += block[index]; }

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        long bytes = atol(words[i]);
        char *block = make_block((size_t)bytes);
        printf("%ld %p\n", bytes, (void *)block);
        if (bytes > 0) {
            touch(block, 0);
            touch(block, bytes - 1);
        }
        touch(block, bytes > 0 ? bytes : 1);
        touch(block, -1);
        drop_block(block);
        touch(block, 0);
        if (bytes > 0) touch(block, bytes - 1);
    }
    puts("went on");
    return 0;
}
