/* One error of the heap in each run; the argument says which. Each stands in a function of its own, so that a stack can be recognised. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
static volatile int sink;
static char *volatile kept;

NOINLINE char *make_block(size_t bytes) {
    char *block = malloc(bytes);
    memset(block, 1, bytes);
    return block;
}
NOINLINE void drop_block(char *block) { free(block); sink++; }
NOINLINE void read_byte(const char *block, long index) { sink += block[index]; }
NOINLINE void write_word(int *block, long index) { block[index] = 7; sink++; }
NOINLINE void read_long(const char *block, long index) { sink += (int)*(const long *)(block + index); }
NOINLINE void copy_block(char *to, const char *from, size_t bytes) { memcpy(to, from, bytes); sink++; }
NOINLINE void measure_text(const char *text) { sink += (int)strlen(text); }

static void *in_thread(void *block) {
    read_byte(block, 40);
    return NULL;
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "nothing";
    char *block = make_block(40);
    kept = block;
    char outside[64] = {0};
    if (strcmp(what, "read") == 0) read_byte(block, 40);
    else if (strcmp(what, "write") == 0) write_word((int *)block, 10);
    else if (strcmp(what, "part") == 0) read_long(block, 36);
    else if (strcmp(what, "before") == 0) read_byte(block, -1);
    else if (strcmp(what, "wild") == 0) read_byte(block, 1 << 24);
    else if (strcmp(what, "freed") == 0) {
        drop_block(block);
        read_byte(kept, 3);
    } else if (strcmp(what, "double") == 0) {
        drop_block(block);
        drop_block(kept);
    } else if (strcmp(what, "inner") == 0) drop_block(block + 16);
    else if (strcmp(what, "stack") == 0) drop_block(outside);
    else if (strcmp(what, "copy-write") == 0) copy_block(block, outside, 41);
    else if (strcmp(what, "copy-read") == 0) copy_block(outside, block, 41);
    else if (strcmp(what, "overlap") == 0) copy_block(block, block + 8, 16);
    else if (strcmp(what, "text") == 0) measure_text(block);
    else if (strcmp(what, "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, in_thread, block);
        pthread_join(thread, NULL);
    } else if (strcmp(what, "aligned") == 0) {
        char *aligned = aligned_alloc(4096, 100);
        read_byte(aligned, 99);
        read_byte(aligned, 100);
    } else if (strcmp(what, "realloc") == 0) {
        kept = realloc(block, 80);
        read_byte(kept, 79);
        read_byte(block, 0);
    } else drop_block(block);
    puts("went on");
    return 0;
}
