/* What sanitised code calls before each access (gcc, -fsanitize=kernel-address or address with outlined checks). */
#include "parts.h"

#include <string.h>

static uintptr_t first_bad(uintptr_t address, size_t bytes) {
    if (bytes == 0) return 0;
    uintptr_t last = address + bytes - 1;
    if (last < address) return address; /* beyond the end of memory */
    if (!in_heap(address) || !in_heap(last)) return 0;
    const uint64_t eight = 0x0101010101010101u * SHADOW_ALL;
    uintptr_t at = address & ~(uintptr_t)(GRANULE - 1);
    while (at < (last & ~(uintptr_t)(GRANULE - 1))) {
        uint64_t shadow;
        if (at % 64 == 0 && last - at >= 64) {
            memcpy(&shadow, shadow_of(at), sizeof shadow);
            if (shadow == eight) {
                at += 64;
                continue;
            }
        }
        int8_t one = *shadow_of(at);
        if (one != SHADOW_ALL) {
            uintptr_t bad = one > 0 ? at + (uintptr_t)one : at;
            return bad < address ? address : bad;
        }
        at += GRANULE;
    }
    if ((int)(last % GRANULE) < *shadow_of(last)) return 0;
    int8_t one = *shadow_of(last);
    uintptr_t bad = one > 0 ? at + (uintptr_t)one : at;
    return bad < address ? address : bad;
}

/* Rarely needed and always the last call of a check, so that its caller is the sanitised code. */
static NOINLINE void look_closer(uintptr_t address, size_t bytes, enum access_kind access) {
    if (first_bad(address, bytes) != 0) report_access(address, bytes, access, CALLER());
}

#define CHECK_SMALL(kind, access, size)                                                                                \
    PUBLIC void __asan_##kind##size##_noabort(uintptr_t address) {                                                     \
        if (in_heap(address) && UNLIKELY(!granule_allows(address, size))) look_closer(address, size, access);          \
    }                                                                                                                  \
    PUBLIC void __asan_##kind##size(uintptr_t address) {                                                               \
        if (in_heap(address) && UNLIKELY(!granule_allows(address, size))) look_closer(address, size, access);          \
    }

#define CHECK_LARGE(kind, access)                                                                                      \
    PUBLIC void __asan_##kind##16_noabort(uintptr_t address) {                                                         \
        if (in_heap(address) && UNLIKELY(!granule_allows(address, 8) || !granule_allows(address + 8, 8)))              \
            look_closer(address, 16, access);                                                                          \
    }                                                                                                                  \
    PUBLIC void __asan_##kind##16(uintptr_t address) {                                                                 \
        if (in_heap(address) && UNLIKELY(!granule_allows(address, 8) || !granule_allows(address + 8, 8)))              \
            look_closer(address, 16, access);                                                                          \
    }                                                                                                                  \
    PUBLIC void __asan_##kind##N_noabort(uintptr_t address, size_t bytes) {                                            \
        if (in_heap(address)) look_closer(address, bytes, access);                                                     \
    }                                                                                                                  \
    PUBLIC void __asan_##kind##N(uintptr_t address, size_t bytes) {                                                    \
        if (in_heap(address)) look_closer(address, bytes, access);                                                     \
    }

#define CHECKS(kind, access)                                                                                           \
    CHECK_SMALL(kind, access, 1)                                                                                       \
    CHECK_SMALL(kind, access, 2)                                                                                       \
    CHECK_SMALL(kind, access, 4)                                                                                       \
    CHECK_SMALL(kind, access, 8)                                                                                       \
    CHECK_LARGE(kind, access)

CHECKS(load, ACCESS_READ)
CHECKS(store, ACCESS_WRITE)

/* Stacks and globals have no red zones, so there is nothing to take away or to put up. */
PUBLIC void __asan_handle_no_return(void) {}
PUBLIC void __asan_before_dynamic_init(const char *module) { (void)module; }
PUBLIC void __asan_after_dynamic_init(void) {}

/* -fsanitize=address calls these from a constructor of each object; the heap gets ready with the first allocation. */
PUBLIC void __asan_init(void) {}
PUBLIC void __asan_version_mismatch_check_v8(void) {}
