/* What the parts of the runtime know of each other. */
#ifndef MELF_ASAN_PARTS_H
#define MELF_ASAN_PARTS_H

#include "shadow.h"

#define PUBLIC __attribute__((visibility("default"), used))
#define NOINLINE __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- options.c */
struct options {
    bool halt_on_error;
    int exit_code;
    unsigned most_reports;
    unsigned depth;         /* return addresses kept of an allocation or a free */
    unsigned plain_depth;   /* the same where a variant that is not sanitised allocates or frees */
    size_t quarantine_bytes;
};
static struct options options;
static void read_options(void);

/* ---- variant.c */
static void read_variants(void);
/* The variant that the calling thread executes; 0 in a program without variants. */
static unsigned current_variant(void);
static bool is_sanitised(unsigned variant);
static const char *variant_name(unsigned variant);

/* ---- lock.c */
struct lock {
    int word;
};
static void take(struct lock *lock);
static void release(struct lock *lock);

/* ---- backtrace.c */
/* Where a stack walk begins: a return address and the registers as the caller has them after the call. */
struct frame_start {
    uintptr_t pc, sp, fp;
};
static void prepare_backtrace(void);
/* Fills `pcs` with return addresses, innermost first; gives their number. */
static unsigned backtrace_from(struct frame_start start, unsigned variant, uintptr_t *pcs, unsigned most);
static unsigned short_backtrace(struct frame_start start, unsigned variant, uint32_t *addresses, unsigned most);
/* Addresses are kept as distances from the program's start: 32 bits are enough for a static program. */
static uint32_t short_address(uintptr_t pc);
static uintptr_t long_address(uint32_t address);

/* The caller of the function that this stands in. */
#if defined __x86_64__
#define CALLER()                                                                                                       \
    ((struct frame_start){.pc = ((uintptr_t *)__builtin_frame_address(0))[1],                                          \
                          .sp = (uintptr_t)__builtin_frame_address(0) + 16,                                            \
                          .fp = ((uintptr_t *)__builtin_frame_address(0))[0]})
#elif defined __aarch64__
#define CALLER()                                                                                                       \
    ((struct frame_start){.pc = ((uintptr_t *)__builtin_frame_address(0))[1],                                          \
                          .sp = (uintptr_t)__builtin_dwarf_cfa(),                                                      \
                          .fp = ((uintptr_t *)__builtin_frame_address(0))[0]})
#else
#error "x86-64 or AArch64"
#endif

/* ---- heap.c */
enum { ALLOC_FRAMES = 10 };
enum block_state { BLOCK_FREE = 0, BLOCK_USED = 1, BLOCK_QUARANTINED = 2 };

/* Lies directly before the memory that the program gets. */
struct header {
    uint8_t state; /* atomic; enum block_state */
    uint8_t size_class;
    uint8_t frames;
    uint8_t is_offset; /* the header is not at the chunk's start: the block is aligned to more than 64 */
    uint32_t thread;
    uint64_t bytes; /* that the program asked for */
    uint32_t stack[ALLOC_FRAMES];
    struct header *next; /* in a free list or the quarantine */
};
_Static_assert(sizeof(struct header) == 64, "blocks are aligned to 16 behind it");

/* Who freed a block, kept at the start of the freed memory. */
struct free_record {
    uint32_t thread;
    uint32_t frames;
    uint32_t stack[ALLOC_FRAMES];
};

static void *heap_allocate(size_t bytes, size_t align, bool zeroed, struct frame_start caller);
static void heap_free(void *memory, struct frame_start caller);
/* The block that an address belongs to, or whose red zone it is in; NULL when there is none. */
static struct header *block_near(uintptr_t address);
/* Whether the address is the start of a block, in whatever state. */
static bool is_block(uintptr_t address);
static inline uintptr_t memory_of(const struct header *block) { return (uintptr_t)(block + 1); }

/* ---- report.c */
enum report_kind {
    REPORT_OVERFLOW = 1,
    REPORT_UNDERFLOW = 2,
    REPORT_USE_AFTER_FREE = 3,
    REPORT_WILD = 4,
    REPORT_DOUBLE_FREE = 5,
    REPORT_INVALID_FREE = 6,
    REPORT_OVERLAP = 7,
};
enum access_kind { ACCESS_READ = 0, ACCESS_WRITE = 1, ACCESS_FREE = 2 };
static void report(enum report_kind kind, enum access_kind access, uintptr_t address, size_t bytes,
                   struct frame_start where);
/* Finds out what is wrong with an access whose check failed, and reports it. */
static void report_access(uintptr_t address, size_t bytes, enum access_kind access, struct frame_start where);

/* ---- checks.c */
/* The first byte of the range that may not be used, or 0 when all may. */
static uintptr_t first_bad(uintptr_t address, size_t bytes);

#endif
