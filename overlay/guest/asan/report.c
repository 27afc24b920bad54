/*
 * Reports. One at a time, and without allocating. An error in a thread that executes a variant that is not sanitised is none: plain code
 * has asked for no checks, and a second free that it does is without effect.
 */
#include "parts.h"
#include "report-format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Found in a program's bytes: it has this runtime. */
static const char runtime_mark[] __attribute__((used)) = "melf-asan runtime 1";

static struct lock report_lock;
/* Under the lock: */
static struct asan_report current_report;
static unsigned reports;
static volatile uint32_t reporting_thread;

static const char *kind_name(uint32_t kind) {
    static const char *const names[] = {"",
                                        "heap-buffer-overflow",
                                        "heap-buffer-overflow",
                                        "heap-use-after-free",
                                        "wild-heap-access",
                                        "double-free",
                                        "invalid-free",
                                        "memcpy-overlap"};
    return names[kind < sizeof names / sizeof *names ? kind : 0];
}

/* ---- As text, where nobody takes the record. */

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 1) length = sizeof line - 1;
    for (int done = 0; done < length;) {
        ssize_t put = write(STDERR_FILENO, line + done, (size_t)(length - done));
        if (put < 0 && errno != EINTR) return;
        if (put > 0) done += (int)put;
    }
}

static void print_stack(const uint64_t *stack, uint32_t frames) {
    /* A return address is behind the call: the byte before it is in the caller for certain. */
    for (uint32_t i = 0; i < frames; i++)
        print("    #%u 0x%012lx (program+0x%lx)\n", i, (unsigned long)stack[i] - 1,
              (unsigned long)stack[i] - 1 - (unsigned long)program_start);
    print("\n");
}

static void print_report(const struct asan_report *r) {
    static const char *const verbs[] = {"READ", "WRITE", "free"};
    print("=================================================================\n");
    print("melf-asan: ERROR: %s on address 0x%012lx\n", kind_name(r->kind), (unsigned long)r->address);
    if (r->access == ACCESS_FREE) print("free");
    else print("%s of %lu byte%s", verbs[r->access], (unsigned long)r->bytes, r->bytes == 1 ? "" : "s");
    print(" by thread %u (%s)%s%s\n", r->thread, r->thread_name, r->variant_name[0] == '\0' ? "" : ", variant ", r->variant_name);
    print_stack(r->stack, r->frames);
    if (!r->has_block) {
        print("the address is in no block of the heap\n\n");
    } else {
        unsigned long begin = (unsigned long)r->block, end = begin + (unsigned long)r->block_bytes, at = (unsigned long)r->address;
        const char *side = at < begin ? "before" : at < end ? "inside" : "behind";
        unsigned long distance = at < begin ? begin - at : at < end ? at - begin : at - end;
        print("%lu bytes %s a block of %lu bytes [0x%012lx, 0x%012lx)\n", distance, side, end - begin, begin, end);
        if (r->is_freed) {
            print("freed by thread %u:\n", r->freeing_thread);
            print_stack(r->freed, r->free_frames);
        }
        print("allocated by thread %u:\n", r->allocating_thread);
        print_stack(r->allocation, r->allocation_frames);
    }
}

/* ---- Making of a report. */

static void describe_block(struct asan_report *r, const struct header *block) {
    r->has_block = 1;
    r->block = memory_of(block);
    r->block_bytes = block->bytes;
    r->allocating_thread = block->thread;
    r->allocation_frames = block->frames > ALLOC_FRAMES ? 0 : block->frames;
    for (uint32_t i = 0; i < r->allocation_frames; i++) r->allocation[i] = long_address(block->stack[i]);
    if (block->state == BLOCK_USED) return;
    const struct free_record *record = (const struct free_record *)memory_of(block);
    r->is_freed = 1;
    r->freeing_thread = record->thread;
    /* The record lies in memory that plain code may have overwritten. */
    r->free_frames = record->frames > ALLOC_FRAMES ? 0 : record->frames;
    for (uint32_t i = 0; i < r->free_frames; i++) r->freed[i] = long_address(record->stack[i]);
}

static void describe_shadow(struct asan_report *r) {
    if (!in_heap(r->address)) return;
    uintptr_t middle = (uintptr_t)shadow_of(r->address) & ~(uintptr_t)15;
    uintptr_t from = middle - 32 < SHADOW_START ? SHADOW_START : middle - 32;
    uintptr_t to = from + ASAN_SHADOW_BYTES > SHADOW_START + SHADOW_BYTES ? SHADOW_START + SHADOW_BYTES : from + ASAN_SHADOW_BYTES;
    r->shadow_address = from;
    r->shadow_count = (uint32_t)(to - from);
    memcpy(r->shadow, (const void *)from, to - from);
}

static void report(enum report_kind kind, enum access_kind access, uintptr_t address, size_t bytes,
                   struct frame_start where) {
    this_cache(); /* the options are read with it */
    unsigned variant = current_variant();
    if (!is_sanitised(variant)) return;
    int saved = errno;
    uint32_t thread = (uint32_t)syscall(SYS_gettid);
    if (reporting_thread == thread) return; /* an error in the report itself, or in a signal handler during one */
    take(&report_lock);
    reporting_thread = thread;
    if (reports++ < options.most_reports) {
        struct asan_report *r = &current_report;
        *r = (struct asan_report){.version = ASAN_REPORT_VERSION, .kind = kind, .access = access, .thread = thread};
        r->address = address;
        r->bytes = bytes;
        r->variant = variant;
        r->halts = options.halt_on_error;
        strncpy(r->variant_name, variant_name(variant), sizeof r->variant_name - 1);
        prctl(PR_GET_NAME, r->thread_name);
        uintptr_t pcs[ASAN_MOST_FRAMES];
        r->frames = backtrace_from(where, variant, pcs, ASAN_MOST_FRAMES);
        for (uint32_t i = 0; i < r->frames; i++) r->stack[i] = pcs[i];
        const struct header *block = block_near(address);
        if (block != NULL && kind != REPORT_WILD) describe_block(r, block);
        describe_shadow(r);
        if (syscall(ASAN_REPORT_CALL, r) != 0) print_report(r);
    }
    if (options.halt_on_error) _exit(options.exit_code);
    reporting_thread = 0;
    release(&report_lock);
    errno = saved;
}

static void report_access(uintptr_t address, size_t bytes, enum access_kind access, struct frame_start where) {
    uintptr_t bad = first_bad(address, bytes);
    if (bad == 0) bad = address; /* another thread allocated there meanwhile */
    const struct header *block = block_near(bad);
    enum report_kind kind = REPORT_WILD;
    if (block != NULL) {
        uintptr_t memory = memory_of(block);
        if (bad < memory) kind = REPORT_UNDERFLOW;
        else if (*shadow_of(bad) == SHADOW_FREED) kind = REPORT_USE_AFTER_FREE;
        else kind = REPORT_OVERFLOW;
    }
    report(kind, access, bad, bytes, where);
}
