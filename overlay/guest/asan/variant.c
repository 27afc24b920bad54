/*
 * Which variant a thread executes, and which of them are sanitised. The linker leaves both in the file (docs/melf-format.md): a word in the
 * window that differs between the variants, and the flags that each was compiled with.
 */
#include "parts.h"

#include <string.h>

extern const unsigned char __melf_start[] __attribute__((weak));

/* NULL in a program that another linker made. */
static const unsigned char *melf_section(void) {
    const unsigned char *section = __melf_start;
    __asm__("" : "+r"(section)); /* gcc 12 warns that no array is ever at NULL */
    return section;
}

/* Offsets in the section's header and in the entry of a variant. */
enum { WINDOW = 24, WINDOW_SIZE = 32, STRINGS = 96, VARIANTS = 48, VARIANT_TABLE = 52, VARIANT_ENTRY = 56, MARKER = 112 };
enum { ENTRY_NAME = 0, ENTRY_FLAGS = 4, ENTRY_FRAME_HEADER = 40 };

static uint32_t melf_u32(size_t at) {
    uint32_t value;
    memcpy(&value, melf_section() + at, sizeof value);
    return value;
}

static uint64_t melf_u64(size_t at) {
    uint64_t value;
    memcpy(&value, melf_section() + at, sizeof value);
    return value;
}

static unsigned variant_count(void) { return melf_section() == NULL ? 1 : melf_u32(VARIANTS); }

static size_t variant_entry(unsigned variant) { return melf_u32(VARIANT_TABLE) + variant * melf_u32(VARIANT_ENTRY); }

static const volatile uint32_t *marker;
static uint64_t sanitised_variants = ~(uint64_t)0;

static const char *variant_text(unsigned variant, size_t field) {
    return (const char *)melf_section() + melf_u32(STRINGS) + melf_u32(variant_entry(variant) + field);
}

static bool flags_sanitise(unsigned variant) {
    const char *flags = variant_text(variant, ENTRY_FLAGS);
    return strstr(flags, "-fsanitize=kernel-address") != NULL || strstr(flags, "-fsanitize=address") != NULL;
}

static void read_variants(void) {
    unsigned count = variant_count();
    if (count < 2 || count > 64) return;
    uint64_t found = 0;
    for (unsigned i = 0; i < count; i++) found |= (uint64_t)flags_sanitise(i) << i;
    /* Where no variant's flags were recorded, all count as sanitised. */
    if (found != 0) sanitised_variants = found;
    marker = (const volatile uint32_t *)(uintptr_t)melf_u64(MARKER);
}

static unsigned current_variant(void) { return marker == NULL ? 0 : *marker; }

static bool is_sanitised(unsigned variant) { return variant > 63 || (sanitised_variants >> variant & 1) != 0; }

static const char *variant_name(unsigned variant) {
    return melf_section() == NULL || variant >= variant_count() ? "" : variant_text(variant, ENTRY_NAME);
}
