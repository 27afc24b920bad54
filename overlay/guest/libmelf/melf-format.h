/*
 * What the linker leaves in the executable for libmelf; docs/melf-format.md specifies it. Little endian, as every CPU here.
 */
#ifndef MELF_FORMAT_H
#define MELF_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Section .genmeta, at the symbol genmeta_start: the published format. */
struct genmeta {
    uint64_t struct_bytes;
    uint64_t segment_bytes; /* of each variant */
    uint64_t segments;      /* variants; number 0 is the default */
    uint64_t virtual_address;
    uint64_t file_offsets[];
};

/* Section .melf, at the symbol __melf_start. Offsets count from its start; entries may grow in later minor versions. */
struct melf_table {
    uint32_t entries, offset, entry_bytes;
};

struct melf_header {
    uint32_t magic;
    uint16_t version_major, version_minor;
    uint32_t header_bytes, page_bytes;
    uint64_t section_bytes;
    uint64_t window_address, window_bytes, window_span;
    struct melf_table variants, functions, bodies, page_groups;
    uint32_t strings_offset, strings_bytes, build_flags, reserved;
};

struct melf_variant_entry {
    uint32_t name, flags; /* offsets in the string table */
    uint64_t file_offset, file_bytes;
};

struct melf_function_entry {
    uint32_t name, unit;
    uint64_t address;
    uint32_t slot_bytes, align, group, first_body; /* one body for each variant */
};

struct melf_body_entry {
    uint64_t hash; /* equal at one address: equal code */
    uint32_t bytes;
    uint16_t source, flags;
};

struct melf_group_entry {
    uint64_t address, bytes;
    uint32_t first_function, functions;
};

enum { MELF_MAGIC = 0x464c454d, MELF_VERSION_MAJOR = 1 };

/* Copies entry `index` of a table; entries may be longer than what is known here. */
static inline void melf_format_entry(const unsigned char *section, struct melf_table table, uint32_t index, void *into,
                                     size_t bytes) {
    memcpy(into, section + table.offset + (size_t)index * table.entry_bytes, bytes);
}

/* Whether the section is there, and of a version that this knows. */
static inline int melf_format_header(const unsigned char *section, struct melf_header *header) {
    if (section == NULL) return 0;
    memcpy(header, section, sizeof *header);
    return header->magic == MELF_MAGIC && header->version_major == MELF_VERSION_MAJOR;
}

/* Name of a variant, "" where the section is absent or of a version that this does not know. */
static inline const char *melf_format_name(const unsigned char *section, int variant) {
    struct melf_header header;
    if (!melf_format_header(section, &header) || (uint32_t)variant >= header.variants.entries) return "";
    struct melf_variant_entry entry;
    melf_format_entry(section, header.variants, (uint32_t)variant, &entry, sizeof entry);
    return (const char *)section + header.strings_offset + entry.name;
}

#endif
