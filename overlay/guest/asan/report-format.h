/*
 * A report as the runtime hands it to the sandbox: system call ASAN_REPORT_CALL with the structure's address. The sandbox shows it with
 * names and answers 0. A kernel that does not know the call answers ENOSYS; then the runtime writes the report itself, with addresses.
 * overlay/asan/report-record.ts reads the structure.
 */
#ifndef MELF_ASAN_REPORT_FORMAT_H
#define MELF_ASAN_REPORT_FORMAT_H

#include <stdint.h>

enum { ASAN_REPORT_CALL = 1990, ASAN_REPORT_VERSION = 1, ASAN_MOST_FRAMES = 64, ASAN_KEPT_FRAMES = 10, ASAN_SHADOW_BYTES = 80 };

struct asan_report {
    uint32_t version, kind, access, thread;
    uint64_t address, bytes;
    uint32_t variant, halts;
    char variant_name[32], thread_name[16];
    /* Of the block that is meant; `block_bytes` counts only where `has_block`. */
    uint32_t has_block, is_freed, allocating_thread, freeing_thread;
    uint64_t block, block_bytes;
    uint32_t frames, allocation_frames, free_frames, reserved;
    uint64_t stack[ASAN_MOST_FRAMES], allocation[ASAN_KEPT_FRAMES], freed[ASAN_KEPT_FRAMES];
    /* From `shadow_address`, a multiple of 16 in the shadow; `shadow_count` of them are there. */
    uint64_t shadow_address;
    uint32_t shadow_count, reserved2;
    uint8_t shadow[ASAN_SHADOW_BYTES];
};

#endif
