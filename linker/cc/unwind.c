/*
 * Exceptions and backtraces through multivariant code. What libgcc's unwinder finds by itself (PT_GNU_EH_FRAME) describes common code and
 * the default variant. This stands before it (--wrap=_Unwind_Find_FDE): for an address in the overlay window it looks first into the table
 * of the variant that the calling thread sees there. Which one that is, the window itself says: a word in it differs between variants.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* libgcc, unwind-dw2-fde.h */
struct dwarf_eh_bases {
    void *tbase, *dbase, *func;
};

extern const unsigned char __melf_start[] __attribute__((weak));
const void *__real__Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);
const void *__wrap__Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);

static uint32_t u32(size_t at) {
    uint32_t value;
    memcpy(&value, __melf_start + at, sizeof value);
    return value;
}

static uint64_t u64(size_t at) {
    uint64_t value;
    memcpy(&value, __melf_start + at, sizeof value);
    return value;
}

/* Where the image lies: start-up code corrects the address in .genmeta, those in .melf are the linker's. */
extern const uint64_t genmeta_start[] __attribute__((weak));

/* docs/melf-format.md: header fields, and those of a variant's entry */
enum { GENMETA_ADDRESS = 3 };
enum { WINDOW = 24, WINDOW_SIZE = 32, VARIANTS = 48, VARIANT_TABLE = 52, VARIANT_ENTRY = 56, MARKER = 112 };
enum { ENTRY_FRAME_HEADER = 40 };
/* .eh_frame_hdr as our linker writes it: 12 bytes, then rows of code and FDE, both relative to the header (LSB, "Exception Frames") */
enum { ROWS_AT = 12, ROW = 8 };

static uintptr_t address(size_t at) {
    uint64_t value = u64(at);
    return value == 0 ? 0 : (uintptr_t)(value + genmeta_start[GENMETA_ADDRESS] - u64(WINDOW));
}

static const unsigned char *skip_leb(const unsigned char *at) {
    while (*at++ & 0x80) {}
    return at;
}

/* Bytes of an address in a pointer encoding (LSB, "DWARF Exception Header Encoding"). */
static size_t width_of(unsigned encoding) {
    switch (encoding & 7) {
    case 2: return 2;
    case 3: return 4;
    default: return 8;
    }
}

/* How many bytes each of an FDE's two addresses has: its CIE's augmentation says so ('R'). */
static size_t address_width(const unsigned char *fde) {
    uint32_t back;
    memcpy(&back, fde + 4, sizeof back);
    const unsigned char *cie = fde + 4 - back;
    const char *letters = (const char *)cie + 9;
    const unsigned char *at = (const unsigned char *)letters + strlen(letters) + 1;
    if (letters[0] != 'z') return 8;
    at = skip_leb(skip_leb(at));                  /* code and data alignment */
    at = skip_leb(cie[8] == 1 ? at + 1 : skip_leb(at)); /* return address column, bytes of the augmentation */
    for (const char *letter = letters + 1; *letter != '\0'; letter++) {
        switch (*letter) {
        case 'R': return width_of(*at);
        case 'L': at++; break;
        case 'P': at += 1 + width_of(*at); break;
        case 'S':
        case 'B': break;
        default: return 8;
        }
    }
    return 8;
}

static const void *find(uintptr_t pc, struct dwarf_eh_bases *bases) {
    uint32_t variant;
    memcpy(&variant, (const void *)address(MARKER), sizeof variant);
    if (variant == 0 || variant >= u32(VARIANTS)) return NULL;
    const unsigned char *header =
        (const unsigned char *)address(u32(VARIANT_TABLE) + variant * u32(VARIANT_ENTRY) + ENTRY_FRAME_HEADER);
    if (header == NULL) return NULL;
    uint32_t count;
    memcpy(&count, header + 8, sizeof count);
    size_t low = 0, high = count;
    int32_t row[2];
    while (low < high) {
        size_t middle = (low + high) / 2;
        memcpy(row, header + ROWS_AT + middle * ROW, sizeof row);
        if ((uintptr_t)(header + row[0]) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return NULL;
    memcpy(row, header + ROWS_AT + (low - 1) * ROW, sizeof row);
    const unsigned char *record = header + row[1];
    size_t width = address_width(record);
    uint64_t length = 0;
    memcpy(&length, record + 8 + width, width);
    uintptr_t start = (uintptr_t)(header + row[0]);
    if (pc - start >= length) return NULL;
    bases->tbase = NULL;
    bases->dbase = NULL;
    bases->func = (void *)start;
    return record;
}

const void *__wrap__Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases) {
    if (&__melf_start[0] != NULL && u64(MARKER) != 0 && (uintptr_t)pc - address(WINDOW) < u64(WINDOW_SIZE)) {
        const void *found = find((uintptr_t)pc, bases);
        if (found != NULL) return found;
    }
    return __real__Unwind_Find_FDE(pc, bases);
}
