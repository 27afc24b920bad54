/*
 * Where the heap and its shadow lie, and what a shadow byte says. One byte describes a granule of eight bytes of the heap. Only the heap
 * has a shadow: stacks and globals have no red zones (asan-stack=0, asan-globals=0), so an access outside the heap needs no look-up.
 *
 * Both ranges are reserved at fixed addresses and get memory when they are touched. They lie inside 47 bits, below everything that Linux
 * maps by itself on x86-64 and on AArch64 with 48-bit addresses.
 */
#ifndef MELF_ASAN_SHADOW_H
#define MELF_ASAN_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_BITS 36
#define HEAP_START ((uintptr_t)1 << 44)
#define HEAP_BYTES ((uintptr_t)1 << HEAP_BITS)
#define SHADOW_OFFSET ((uintptr_t)0x0c0000000000)
#define SHADOW_START ((HEAP_START >> 3) + SHADOW_OFFSET)
#define SHADOW_BYTES (HEAP_BYTES >> 3)
enum { GRANULE = 8 };

/* 1 to 7: so many bytes of the granule may be used; 8: all. Zero, which untouched memory holds, and negative numbers: none. */
enum {
    SHADOW_NEVER = 0, /* nothing was allocated here yet */
    SHADOW_ALL = 8,
    SHADOW_LEFT = (int8_t)0xfa,  /* before a block: its header */
    SHADOW_RIGHT = (int8_t)0xfb, /* behind a block */
    SHADOW_FREED = (int8_t)0xfd,
};

static inline bool in_heap(uintptr_t address) { return address >> HEAP_BITS == HEAP_START >> HEAP_BITS; }

static inline int8_t *shadow_of(uintptr_t address) { return (int8_t *)((address >> 3) + SHADOW_OFFSET); }

/* Whether 1, 2, 4 or 8 bytes in one granule of the heap may be used. False when they reach into the next one. */
static inline bool granule_allows(uintptr_t address, unsigned bytes) {
    int8_t allowed = *shadow_of(address);
    /* By far the most: a whole granule, and what is aligned to its size lies in one. */
    if (__builtin_expect(allowed == SHADOW_ALL && address % bytes == 0, 1)) return true;
    return (int)(address % GRANULE + bytes - 1) < allowed;
}

#endif
