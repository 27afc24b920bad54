/* One error of the heap in each run; the argument says which. Each stands in a function of its own, so that a stack can be recognised. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
static volatile int sink;
static char *volatile kept, *volatile kept_blocks[500];

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

NOINLINE void move_block(char *to, const char *from, size_t bytes) { memmove(to, from, bytes); sink++; }
NOINLINE void set_block(char *to, size_t bytes) { memset(to, 2, bytes); sink++; }
NOINLINE void compare_blocks(const char *a, const char *b, size_t bytes) { sink += memcmp(a, b, bytes); }
NOINLINE void copy_text(char *to, const char *from) { strcpy(to, from); sink++; }
NOINLINE void copy_some_text(char *to, const char *from, size_t most) { strncpy(to, from, most); sink++; }
NOINLINE void append_text(char *to, const char *from) { strcat(to, from); sink++; }
NOINLINE void compare_texts(const char *a, const char *b) { sink += strcmp(a, b); }
NOINLINE void compare_some_text(const char *a, const char *b, size_t most) { sink += strncmp(a, b, most); }
NOINLINE void duplicate_text(const char *text) { free(strdup(text)); sink++; }

/* One error for each function of redirect.h, and each side of it. `block`: 40 bytes of 1; `text`: more of them, and a 0. */
__attribute__((noinline, noclone)) static int wrong_call(const char *what, char *block, char *text) {
    static char outside[64];
    memset(outside, 1, sizeof outside);
    if (strcmp(what, "memmove-write") == 0) move_block(block, text, 41);
    else if (strcmp(what, "memmove-read") == 0) move_block(outside, block, 41);
    else if (strcmp(what, "memset") == 0) set_block(block, 41);
    else if (strcmp(what, "memcmp-first") == 0) compare_blocks(block, text, 41);
    else if (strcmp(what, "memcmp-second") == 0) compare_blocks(text, block, 41);
    else if (strcmp(what, "strcpy-write") == 0) copy_text(block, text);
    else if (strcmp(what, "strcpy-read") == 0) copy_text(outside, block);
    else if (strcmp(what, "strncpy-write") == 0) copy_some_text(block, "short", 41);
    else if (strcmp(what, "strncpy-read") == 0) copy_some_text(outside, block, 50);
    else if (strcmp(what, "strcat-write") == 0) {
        block[35] = 0;
        append_text(block, "12345");
    } else if (strcmp(what, "strcat-read") == 0) {
        outside[0] = 0;
        append_text(outside, block);
    } else if (strcmp(what, "strcmp-first") == 0) compare_texts(block, text);
    else if (strcmp(what, "strcmp-second") == 0) compare_texts(text, block);
    else if (strcmp(what, "strncmp-first") == 0) compare_some_text(block, text, 45);
    else if (strcmp(what, "strncmp-second") == 0) compare_some_text(text, block, 45);
    else if (strcmp(what, "strdup") == 0) duplicate_text(block);
    else return 0;
    return 1;
}

static void *in_thread(void *block) {
    read_byte(block, 40);
    return NULL;
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "nothing";
    char *block = make_block(40);
    kept = block;
    char outside[64] = {0};
    char text[48];
    memset(text, 1, sizeof text);
    text[47] = 0;
    if (wrong_call(what, block, text)) return puts("went on"), 0;
    if (strcmp(what, "read") == 0) read_byte(block, 40);
    else if (strcmp(what, "write") == 0) write_word((int *)block, 10);
    else if (strcmp(what, "part") == 0) read_long(block, 36);
    else if (strcmp(what, "before") == 0) read_byte(block, -1);
    else if (strcmp(what, "wild") == 0) read_byte(block, 1 << 24);
    else if (strcmp(what, "freed") == 0) {
        drop_block(block);
        read_byte(kept, 3);
    } else if (strcmp(what, "reused") == 0) {
        /* An allocator without a quarantine gives the block to one of these. */
        drop_block(block);
        for (int i = 0; i < 500; i++) kept_blocks[i] = make_block(40);
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
