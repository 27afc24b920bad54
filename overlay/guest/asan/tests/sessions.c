#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
static char *shared;
static char *volatile kept;
static volatile int sink;

void share_block(char *block) { shared = block; }
NOINLINE char *allocate_block(unsigned long bytes) {
    char *block = malloc(bytes);
    if (block != NULL) memset(block, 1, bytes);
    return block;
}
NOINLINE void free_block(char *block) {
    free(block);
    sink++;
}
NOINLINE void read_behind(const char *block) { sink += block[40]; }
NOINLINE void write_freed(char *block) {
    block[7] = 1;
    sink++;
}

void run_session(void) {
    read_behind(shared);
    kept = allocate_block(40);
    free_block(kept);
    write_freed(kept);
    free_block(kept);
    /* The heap must be none the worse for what plain code did to it. */
    for (int i = 0; i < 2000; i++) {
        char *block = allocate_block((unsigned long)(i % 300));
        if (i % 3 != 0) free_block(block);
    }
}
