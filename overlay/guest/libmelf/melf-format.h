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

enum { MELF_MAGIC = 0x464c454d, MELF_VERSION_MAJOR = 1 };

/* Name of a variant, "" where the section is absent or of a version that this does not know. */
static inline const char *melf_format_name(const unsigned char *section, int variant) {
    struct melf_header header;
    if (section == NULL) return "";
    memcpy(&header, section, sizeof header);
    if (header.magic != MELF_MAGIC || header.version_major != MELF_VERSION_MAJOR) return "";
    if ((uint32_t)variant >= header.variants.entries) return "";
    struct melf_variant_entry entry;
    memcpy(&entry, section + header.variants.offset + (size_t)variant * header.variants.entry_bytes, sizeof entry);
    return (const char *)section + header.strings_offset + entry.name;
}

#endif
