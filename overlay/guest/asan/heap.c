/*
 * The heap. Chunks of a size class lie side by side in spans; a chunk holds a header, which is the red zone before the block, the block,
 * and what is left of the chunk, the red zone behind it. Freed blocks wait in a quarantine, so that a use after free meets memory that
 * nobody else has got yet.
 *
 * Each thread takes from lists of its own and puts what it frees into a quarantine of its own; both are filled and emptied in batches
 * under one lock. The lists of a thread that ended go to the next new thread.
 *
 * Plain and sanitised code share all of this. Nothing that the allocator relies on lies in memory that a plain use after free can
 * overwrite: the links of free blocks are in headers, and what is noted in the freed memory itself is only for reports.
 */
#include "parts.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum {
    HEADER = sizeof(struct header),
    SMALLEST_CHUNK = 128,
    SMALLEST_BLOCK = SMALLEST_CHUNK - HEADER, /* room for a free_record */
    UNIT = 1 << 16,
    CLASSES = 120,
    /* Above this a chunk has a span for itself, and threads keep none of them. */
    LARGEST_SMALL = 1 << 15,
    /* Memory of freed chunks above this goes back to the kernel when the quarantine lets go of them. */
    RETURNED_FROM = 1 << 18,
    BATCH_BYTES = 4096,
    MOST_BATCH = 16,
    LOCAL_QUARANTINE = 1 << 14,
    LARGEST_RED_ZONE = 2048,
    MOST_ALIGN = 1 << 20,
};
_Static_assert(sizeof(struct free_record) <= SMALLEST_BLOCK, "a free is noted in the block itself");

struct list {
    struct header *head, *tail;
    size_t bytes;
};

/* A thread's own. */
struct cache {
    struct header *free[CLASSES];
    struct list quarantine;
    uint32_t thread;
    struct cache *next; /* among those that no thread has */
};

/* Says of each unit of the heap which span it is in. */
struct unit {
    uint32_t first; /* unit of the span */
    uint32_t size_class;
};

static struct lock heap_lock;
/* Under the lock: */
static struct header *central_free[CLASSES];
static uintptr_t fresh[CLASSES], fresh_end[CLASSES];
static uintptr_t next_span = HEAP_START;
static struct list quarantine;
static struct cache *unused_caches;
static struct unit *units;
static bool heap_ready;

static __thread struct cache *own_cache;
static pthread_key_t cache_key;

/* ---- Size classes: four for each doubling. */

static unsigned class_of(size_t bytes) {
    if (bytes <= SMALLEST_CHUNK) return 0;
    unsigned log = 63 - (unsigned)__builtin_clzl(bytes - 1);
    return (log - 7) * 4 + (unsigned)((bytes - 1) >> (log - 2) & 3) + 1;
}

static size_t class_bytes(unsigned size_class) {
    if (size_class == 0) return SMALLEST_CHUNK;
    unsigned step = (size_class - 1) % 4 + 1, log = 7 + (size_class - 1) / 4;
    return ((size_t)1 << log) + ((size_t)step << (log - 2));
}

static size_t red_zone(size_t bytes) {
    size_t wanted = bytes / 8;
    return wanted < 16 ? 0 : wanted > LARGEST_RED_ZONE ? LARGEST_RED_ZONE : wanted;
}

/* ---- Reservation. */

static void die(const char *message) {
    ssize_t ignored = write(STDERR_FILENO, message, strlen(message));
    (void)ignored;
    _exit(1);
}

static void *reserve(uintptr_t address, size_t bytes) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (address != 0 ? MAP_FIXED_NOREPLACE : 0);
    void *got = mmap((void *)address, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    /* Kernels before 4.17 take the address for a hint. */
    if (got == MAP_FAILED || (address != 0 && got != (void *)address))
        die("melf-asan: the heap's address range cannot be reserved (64 GiB at 0x100000000000, 8 GiB of shadow)\n");
    return got;
}

static void hand_on_cache(void *gone) {
    struct cache *cache = gone;
    own_cache = NULL;
    take(&heap_lock);
    cache->next = unused_caches;
    unused_caches = cache;
    release(&heap_lock);
}

static NOINLINE struct cache *new_cache(void) {
    take(&heap_lock);
    if (!heap_ready) {
        reserve(HEAP_START, HEAP_BYTES);
        reserve(SHADOW_START, SHADOW_BYTES);
        units = reserve(0, HEAP_BYTES / UNIT * sizeof(struct unit));
        read_options();
        read_variants();
        prepare_backtrace();
        pthread_key_create(&cache_key, hand_on_cache);
        heap_ready = true;
    }
    struct cache *cache = unused_caches;
    if (cache != NULL) unused_caches = cache->next;
    release(&heap_lock);
    if (cache == NULL) {
        cache = mmap(NULL, sizeof *cache, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (cache == MAP_FAILED) return NULL;
    }
    cache->thread = (uint32_t)syscall(SYS_gettid);
    own_cache = cache; /* before the key is set: that may allocate */
    pthread_setspecific(cache_key, cache);
    return cache;
}

static inline struct cache *this_cache(void) {
    struct cache *cache = own_cache;
    return LIKELY(cache != NULL) ? cache : new_cache();
}

/* The child of a fork has one thread, and the lock as the parent left it. */
static void before_fork(void) { take(&heap_lock); }
static void after_fork(void) { release(&heap_lock); }
static void after_fork_in_child(void) {
    release(&heap_lock);
    if (own_cache != NULL) own_cache->thread = (uint32_t)syscall(SYS_gettid);
}

static __attribute__((constructor)) void watch_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- Chunks. */

/* A chunk that was never used; under the lock. NULL: the heap is full. */
static struct header *fresh_chunk(unsigned size_class) {
    size_t bytes = class_bytes(size_class);
    if (fresh[size_class] == fresh_end[size_class]) {
        size_t chunks = bytes > LARGEST_SMALL ? 1 : bytes * 8 > UNIT ? 8 : UNIT / bytes;
        size_t span = (chunks * bytes + UNIT - 1) / UNIT * UNIT;
        if (span > HEAP_START + HEAP_BYTES - next_span) return NULL;
        uint32_t first = (uint32_t)((next_span - HEAP_START) / UNIT);
        for (uint32_t i = 0; i < span / UNIT; i++) units[first + i] = (struct unit){first, size_class};
        fresh[size_class] = next_span;
        fresh_end[size_class] = next_span + chunks * bytes;
        next_span += span;
    }
    struct header *chunk = (struct header *)fresh[size_class];
    fresh[size_class] += bytes;
    return chunk;
}

/* Fills a thread's list of a class; gives the first chunk. */
static NOINLINE struct header *more_chunks(struct cache *cache, unsigned size_class) {
    size_t bytes = class_bytes(size_class);
    unsigned wanted = bytes >= BATCH_BYTES ? 1 : (unsigned)(BATCH_BYTES / bytes);
    if (wanted > MOST_BATCH) wanted = MOST_BATCH;
    struct header *list = NULL;
    take(&heap_lock);
    for (unsigned i = 0; i < wanted; i++) {
        struct header *chunk = central_free[size_class];
        if (chunk != NULL) central_free[size_class] = chunk->next;
        else if ((chunk = fresh_chunk(size_class)) == NULL) break;
        chunk->next = list;
        list = chunk;
    }
    release(&heap_lock);
    if (list == NULL) return NULL;
    cache->free[size_class] = list->next;
    return list;
}

/* Start of the chunk that holds an address of the heap, and its class; 0 where no span is. */
static uintptr_t chunk_at(uintptr_t address, unsigned *size_class) {
    struct unit unit = units[(address - HEAP_START) / UNIT];
    uintptr_t span = HEAP_START + (uintptr_t)unit.first * UNIT;
    if (address >= next_span) return 0;
    size_t bytes = class_bytes(unit.size_class);
    *size_class = unit.size_class;
    return span + (address - span) / bytes * bytes;
}

/* ---- Allocation. */

/* Notes who allocates or frees; gives the number of frames. */
static inline unsigned keep_stack(uint32_t *into, struct frame_start caller) {
    unsigned variant = current_variant();
    unsigned depth = is_sanitised(variant) ? options.depth : options.plain_depth;
    if (depth > 1) return short_backtrace(caller, variant, into, depth);
    *into = short_address(caller.pc);
    return depth;
}

/* memset for a few bytes, without a call: most blocks are small. */
static inline void fill_shadow(int8_t *shadow, int8_t value, size_t bytes) {
    enum { FEW = 64 };
    if (UNLIKELY(bytes > FEW)) {
        memset(shadow, value, bytes);
        return;
    }
    const uint64_t eight = 0x0101010101010101u * (uint8_t)value;
    const uint32_t four = (uint32_t)eight;
    if (bytes >= 8) {
        int8_t *last = shadow + bytes - 8; /* this store may overlap the one before */
        for (; shadow < last; shadow += 8) {
            __builtin_memcpy(shadow, &eight, 8);
            __asm__("" : "+r"(shadow)); /* or gcc would make a memset of it after all */
        }
        __builtin_memcpy(last, &eight, 8);
    } else if (bytes >= 4) {
        __builtin_memcpy(shadow, &four, 4);
        __builtin_memcpy(shadow + bytes - 4, &four, 4);
    } else if (bytes > 0) {
        shadow[0] = shadow[bytes / 2] = shadow[bytes - 1] = value;
    }
}

/* Marks a block as usable and what follows in its chunk as red zone. */
static inline void open_block(uintptr_t memory, size_t bytes, uintptr_t chunk_end) {
    int8_t *shadow = shadow_of(memory), *end = shadow_of(chunk_end);
    size_t whole = bytes / GRANULE;
    fill_shadow(shadow, SHADOW_ALL, whole);
    shadow += whole;
    if (bytes % GRANULE != 0) *shadow++ = (int8_t)(bytes % GRANULE);
    fill_shadow(shadow, SHADOW_RIGHT, (size_t)(end - shadow));
}

/* With the alignment above 16 the header moves up in its chunk; a word at the chunk's start leads to it. */
static struct header *offset_header(struct header *chunk, size_t align) {
    uintptr_t memory = ((uintptr_t)chunk + HEADER + align - 1) / align * align;
    struct header *header = (struct header *)memory - 1;
    if (header == chunk) return chunk;
    memset(shadow_of((uintptr_t)chunk), SHADOW_LEFT, (size_t)(shadow_of(memory) - shadow_of((uintptr_t)chunk)));
    *chunk = (struct header){.is_offset = 1, .bytes = (uintptr_t)header};
    *header = (struct header){.is_offset = 1};
    return header;
}

static void *heap_allocate(size_t bytes, size_t align, bool zeroed, struct frame_start caller) {
    if (UNLIKELY(bytes > HEAP_BYTES / 4 || align > MOST_ALIGN)) {
        errno = ENOMEM;
        return NULL;
    }
    size_t usable = bytes < SMALLEST_BLOCK ? SMALLEST_BLOCK : bytes;
    size_t slack = align > 16 ? align : 0;
    unsigned size_class = class_of(HEADER + usable + red_zone(bytes) + slack);
    struct cache *cache = this_cache();
    if (UNLIKELY(cache == NULL)) {
        errno = ENOMEM;
        return NULL;
    }
    struct header *chunk = cache->free[size_class];
    if (LIKELY(chunk != NULL)) cache->free[size_class] = chunk->next;
    else if ((chunk = more_chunks(cache, size_class)) == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t chunk_end = (uintptr_t)chunk + class_bytes(size_class);
    struct header *block = chunk;
    /* A chunk that was aligned before begins with a word that leads elsewhere. */
    chunk->is_offset = 0;
    if (UNLIKELY(slack != 0)) block = offset_header(chunk, align);
    block->size_class = (uint8_t)size_class;
    block->thread = cache->thread;
    block->bytes = bytes;
    block->frames = (uint8_t)keep_stack(block->stack, caller);
    fill_shadow(shadow_of((uintptr_t)block), SHADOW_LEFT, HEADER / GRANULE);
    uintptr_t memory = memory_of(block);
    /* A block of no bytes has one in the shadow, so that its start can be told from its red zone. */
    open_block(memory, bytes == 0 ? 1 : bytes, chunk_end);
    if (zeroed) memset((void *)memory, 0, bytes);
    __atomic_store_n(&block->state, BLOCK_USED, __ATOMIC_RELEASE);
    return (void *)memory;
}

/* ---- Freeing. */

static void append(struct list *list, struct header *first, struct header *last, size_t bytes) {
    if (list->head == NULL) list->head = first;
    else list->tail->next = first;
    list->tail = last;
    list->bytes += bytes;
}

/* A block leaves the quarantine; under the lock. Its shadow stays as it is until somebody gets it. */
static void let_go(struct header *block) {
    unsigned size_class = block->size_class;
    __atomic_store_n(&block->state, BLOCK_FREE, __ATOMIC_RELAXED);
    struct header *chunk = block;
    if (block->is_offset) {
        unsigned found;
        chunk = (struct header *)chunk_at((uintptr_t)block, &found);
    }
    size_t bytes = class_bytes(size_class);
    if (bytes >= RETURNED_FROM) {
        uintptr_t from = ((uintptr_t)block + HEADER + sizeof(struct free_record) + 4095) & ~(uintptr_t)4095;
        uintptr_t to = ((uintptr_t)chunk + bytes) & ~(uintptr_t)4095;
        if (to > from) madvise((void *)from, to - from, MADV_DONTNEED);
    }
    chunk->next = central_free[size_class];
    central_free[size_class] = chunk;
}

static NOINLINE void empty_local_quarantine(struct cache *cache) {
    int saved = errno;
    take(&heap_lock);
    append(&quarantine, cache->quarantine.head, cache->quarantine.tail, cache->quarantine.bytes);
    cache->quarantine = (struct list){0};
    while (quarantine.bytes > options.quarantine_bytes && quarantine.head != NULL) {
        struct header *block = quarantine.head;
        quarantine.head = block->next;
        quarantine.bytes -= class_bytes(block->size_class);
        let_go(block);
    }
    release(&heap_lock);
    errno = saved;
}

static bool is_block(uintptr_t address) {
    if (!in_heap(address) || !heap_ready || address % 16 != 0 || address - HEAP_START < HEADER) return false;
    /* Only a header's end has a red zone of this kind directly before something else. */
    return *shadow_of(address - 1) == SHADOW_LEFT && *shadow_of(address) != SHADOW_LEFT;
}

static void heap_free(void *pointer, struct frame_start caller) {
    if (pointer == NULL) return;
    uintptr_t memory = (uintptr_t)pointer;
    if (UNLIKELY(!is_block(memory))) {
        report(REPORT_INVALID_FREE, ACCESS_FREE, memory, 0, caller);
        return;
    }
    struct header *block = (struct header *)memory - 1;
    uint8_t used = BLOCK_USED;
    if (UNLIKELY(!__atomic_compare_exchange_n(&block->state, &used, BLOCK_QUARANTINED, false, __ATOMIC_ACQ_REL,
                                              __ATOMIC_RELAXED))) {
        report(REPORT_DOUBLE_FREE, ACCESS_FREE, memory, 0, caller);
        return;
    }
    struct cache *cache = this_cache();
    size_t bytes = block->bytes == 0 ? 1 : block->bytes;
    fill_shadow(shadow_of(memory), SHADOW_FREED, (bytes + GRANULE - 1) / GRANULE);
    struct free_record *record = (struct free_record *)memory;
    record->frames = keep_stack(record->stack, caller);
    if (UNLIKELY(cache == NULL)) return; /* out of memory: the block is lost */
    record->thread = cache->thread;
    block->next = NULL;
    append(&cache->quarantine, block, block, class_bytes(block->size_class));
    if (UNLIKELY(cache->quarantine.bytes > LOCAL_QUARANTINE)) empty_local_quarantine(cache);
}

/* ---- For reports. */

static struct header *block_near(uintptr_t address) {
    if (!in_heap(address) || !heap_ready) return NULL;
    unsigned size_class;
    uintptr_t chunk = chunk_at(address, &size_class);
    if (chunk == 0) return NULL;
    if (*shadow_of(chunk) != SHADOW_LEFT) {
        /* A chunk that nobody had yet has no red zone: its first bytes are behind the block before, should that one fill its chunk. */
        if (chunk == HEAP_START || address - chunk >= HEADER) return NULL;
        struct header *full = block_near(chunk - 1);
        return full != NULL && memory_of(full) + full->bytes == chunk ? full : NULL;
    }
    struct header *header = (struct header *)chunk;
    if (header->is_offset && in_heap(header->bytes)) header = (struct header *)(uintptr_t)header->bytes;
    uintptr_t memory = memory_of(header);
    if (address >= memory || chunk == HEAP_START || *shadow_of(address) != SHADOW_LEFT) return header;
    /* In the red zone between two blocks: the nearer one is meant. */
    struct header *before = block_near(chunk - 1);
    return before != NULL && address - (memory_of(before) + before->bytes) < memory - address ? before : header;
}
