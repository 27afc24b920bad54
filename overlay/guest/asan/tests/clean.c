/* No error in it: threads that allocate, resize, check, hand over and free blocks of all sizes and alignments. Prints one line. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ROUNDS
#define ROUNDS 4000
#endif
enum { THREADS = 4, SLOTS = 200 };

struct slot {
    unsigned char *memory;
    size_t bytes;
    unsigned char fill;
};

/* Blocks that the next thread frees. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot handed[THREADS];
static unsigned long wrong;

static uint32_t next(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static size_t some_size(uint32_t *state) {
    uint32_t kind = next(state) % 100;
    if (kind < 60) return next(state) % 100;
    if (kind < 90) return next(state) % 3000;
    if (kind < 99) return next(state) % 40000;
    return next(state) % 600000;
}

static void fill(struct slot *slot) { memset(slot->memory, slot->fill, slot->bytes); }

static void check(const struct slot *slot, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (slot->memory[i] != slot->fill) {
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
            return;
        }
}

static void drop(struct slot *slot) {
    if (slot->memory == NULL) return;
    check(slot, slot->bytes);
    free(slot->memory);
    slot->memory = NULL;
}

static void allocate(struct slot *slot, uint32_t *state) {
    slot->bytes = some_size(state);
    slot->fill = (unsigned char)next(state);
    uint32_t kind = next(state) % 10;
    if (kind == 0) {
        size_t align = (size_t)16 << next(state) % 9;
        void *memory = NULL;
        if (posix_memalign(&memory, align, slot->bytes) != 0 || (uintptr_t)memory % align != 0) abort();
        slot->memory = memory;
    } else if (kind == 1) {
        slot->memory = calloc(1, slot->bytes);
        struct slot zeros = {slot->memory, slot->bytes, 0};
        check(&zeros, slot->bytes);
    } else {
        slot->memory = malloc(slot->bytes);
    }
    if (slot->memory == NULL || (uintptr_t)slot->memory % 16 != 0) abort();
    if (malloc_usable_size(slot->memory) < slot->bytes) abort();
    fill(slot);
}

static void resize(struct slot *slot, uint32_t *state) {
    size_t bytes = some_size(state) + 1;
    unsigned char *memory = realloc(slot->memory, bytes);
    if (memory == NULL) abort();
    slot->memory = memory;
    check(slot, bytes < slot->bytes ? bytes : slot->bytes);
    slot->bytes = bytes;
    fill(slot);
}

static void *work(void *argument) {
    long number = (long)argument;
    uint32_t state = (uint32_t)number * 77 + 5;
    struct slot *slots = calloc(SLOTS, sizeof *slots);
    for (int round = 0; round < ROUNDS; round++) {
        struct slot *slot = &slots[next(&state) % SLOTS];
        if (slot->memory == NULL) allocate(slot, &state);
        else if (next(&state) % 3 == 0) resize(slot, &state);
        else if (next(&state) % 8 != 0) drop(slot);
        else {
            pthread_mutex_lock(&lock);
            struct slot before = handed[number];
            handed[number] = *slot;
            struct slot *other = &handed[(number + 1) % THREADS];
            struct slot taken = *other;
            other->memory = NULL;
            pthread_mutex_unlock(&lock);
            slot->memory = NULL;
            drop(&before);
            drop(&taken);
        }
    }
    for (int i = 0; i < SLOTS; i++) drop(&slots[i]);
    free(slots);
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    for (int generation = 0; generation < 2; generation++) {
        for (long i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) drop(&handed[i]);
    char *text = strdup("abc");
    printf("wrong %lu %s %zu\n", wrong, text, strlen(text));
    free(text);
    return wrong != 0;
}
