/*
 * The unwind tables of a program: for a code address, where the frame of its function ends and where it keeps the return address and the
 * frame pointer (LSB Core, "Exception Frames"; DWARF 4, 6.4). Registers beyond these two are of no interest here.
 */
#include "parts.h"

#include <string.h>

#if defined __x86_64__
enum { REGISTER_FP = 6, REGISTER_SP = 7, REGISTER_RETURN = 16 }; /* System V psABI x86-64, table 3.36 */
#else
enum { REGISTER_FP = 29, REGISTER_SP = 31, REGISTER_RETURN = 30 }; /* DWARF for the Arm 64-bit architecture, 4.1 */
#endif

static uint32_t read_u32(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* DWARF 4, 7.6: seven bits a byte, the least significant first; in signed numbers bit 6 of the last one is the sign. */
static uint64_t read_leb(const unsigned char **at, int is_signed) {
    uint64_t value = 0;
    unsigned shift = 0;
    unsigned char byte;
    do {
        byte = *(*at)++;
        if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && (byte & 0x40) && shift < 64) value |= ~(uint64_t)0 << shift;
    return value;
}

static uint64_t read_uleb(const unsigned char **at) {
    return read_leb(at, 0);
}

static int64_t read_sleb(const unsigned char **at) {
    return (int64_t)read_leb(at, 1);
}

static void skip_block(const unsigned char **at) {
    uint64_t bytes = read_uleb(at);
    *at += bytes;
}

/* The record of the function that a table has for an address, and where that begins; by binary search. */
static const unsigned char *find_record(const unsigned char *header, uintptr_t pc, uintptr_t *start) {
    enum { VERSION = 1, COUNT_UDATA4 = 0x03, ROWS_DATAREL_SDATA4 = 0x3b };
    if (header == NULL || header[0] != VERSION || header[2] != COUNT_UDATA4 || header[3] != ROWS_DATAREL_SDATA4)
        return NULL;
    size_t pointer_bytes = (header[1] & 0x0f) == 0x0b || (header[1] & 0x0f) == 0x03 ? 4 : 8;
    const unsigned char *rows = header + 4 + pointer_bytes + 4;
    size_t low = 0, high = read_u32(header + 4 + pointer_bytes);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((uintptr_t)(header + (int32_t)read_u32(rows + middle * 8)) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return NULL;
    const unsigned char *row = rows + (low - 1) * 8;
    *start = (uintptr_t)(header + (int32_t)read_u32(row));
    return header + (int32_t)read_u32(row + 4);
}

enum place_kind { PLACE_SAME, PLACE_SAVED, PLACE_OTHER };
struct place {
    enum place_kind kind;
    int64_t offset; /* from the frame's address */
};
struct frame_state {
    uint64_t cfa_register;
    int64_t cfa_offset;
    bool cfa_known;
    struct place fp, ret;
};
struct common_record {
    const unsigned char *code, *end;
    uint64_t code_align;
    int64_t data_align;
    unsigned char encoding;
    bool is_signal, has_augmentation;
};

static bool read_common(const unsigned char *at, struct common_record *record) {
    uint32_t length = read_u32(at);
    if (length == 0xffffffff) return false;
    record->end = at + 4 + length;
    at += 8;
    unsigned char version = *at++;
    const char *augmentation = (const char *)at;
    at += strlen(augmentation) + 1;
    record->code_align = read_uleb(&at);
    record->data_align = read_sleb(&at);
    uint64_t column = version == 1 ? *at++ : read_uleb(&at);
    if (column != REGISTER_RETURN) return false;
    record->encoding = 0;
    record->is_signal = false;
    record->has_augmentation = *augmentation == 'z';
    if (*augmentation == 'z') {
        uint64_t bytes = read_uleb(&at);
        const unsigned char *data = at;
        at += bytes;
        for (augmentation++; *augmentation != '\0'; augmentation++) {
            if (*augmentation == 'R') record->encoding = *data++;
            else if (*augmentation == 'L') data++;
            else if (*augmentation == 'S') record->is_signal = true;
            else if (*augmentation == 'P') {
                unsigned format = *data++ & 0x0f;
                data += format == 0x03 || format == 0x0b ? 4 : format == 0x02 || format == 0x0a ? 2 : 8;
            } else if (*augmentation != 'B') return false;
        }
    } else if (*augmentation != '\0') return false;
    record->code = at;
    return true;
}

static size_t encoded_bytes(unsigned char encoding) {
    unsigned format = encoding & 0x0f;
    return format == 0x03 || format == 0x0b ? 4 : format == 0x02 || format == 0x0a ? 2 : 8;
}

static void set_place(struct frame_state *state, uint64_t number, enum place_kind kind, int64_t offset) {
    if (number == REGISTER_FP) state->fp = (struct place){kind, offset};
    if (number == REGISTER_RETURN) state->ret = (struct place){kind, offset};
}

/* Carries out call-frame instructions up to `distance` bytes of code; false: there is something in them that this does not know. */
static bool run_instructions(const unsigned char *at, const unsigned char *end, const struct common_record *common,
                             uint64_t distance, const struct frame_state *initial, struct frame_state *state) {
    enum { DEEPEST = 8 };
    struct frame_state remembered[DEEPEST];
    unsigned depth = 0;
    uint64_t location = 0;
    while (at < end) {
        unsigned char code = *at++;
        uint64_t low = code & 0x3f, number;
        switch (code >> 6) {
        case 1: /* advance_loc */
            location += low * common->code_align;
            if (location > distance) return true;
            continue;
        case 2: /* offset */
            set_place(state, low, PLACE_SAVED, (int64_t)read_uleb(&at) * common->data_align);
            continue;
        case 3: /* restore */
            if (low == REGISTER_FP) state->fp = initial->fp;
            if (low == REGISTER_RETURN) state->ret = initial->ret;
            continue;
        default:
            break;
        }
        switch (code) {
        case 0x00: /* nop */
        case 0x2d: /* window_save, on AArch64 negate_ra_state: what is signed has no bit below 48 changed */
            break;
        case 0x01: /* set_loc */
            return false;
        case 0x02: /* advance_loc1 */
            location += *at++ * common->code_align;
            if (location > distance) return true;
            break;
        case 0x03: { /* advance_loc2 */
            uint16_t step;
            memcpy(&step, at, sizeof step);
            at += 2;
            location += step * common->code_align;
            if (location > distance) return true;
            break;
        }
        case 0x04: /* advance_loc4 */
            location += read_u32(at) * common->code_align;
            at += 4;
            if (location > distance) return true;
            break;
        case 0x05: /* offset_extended */
            number = read_uleb(&at);
            set_place(state, number, PLACE_SAVED, (int64_t)read_uleb(&at) * common->data_align);
            break;
        case 0x11: /* offset_extended_sf */
            number = read_uleb(&at);
            set_place(state, number, PLACE_SAVED, read_sleb(&at) * common->data_align);
            break;
        case 0x06: /* restore_extended */
            number = read_uleb(&at);
            if (number == REGISTER_FP) state->fp = initial->fp;
            if (number == REGISTER_RETURN) state->ret = initial->ret;
            break;
        case 0x07: /* undefined */
            set_place(state, read_uleb(&at), PLACE_OTHER, 0);
            break;
        case 0x08: /* same_value */
            set_place(state, read_uleb(&at), PLACE_SAME, 0);
            break;
        case 0x09: /* register */
            number = read_uleb(&at);
            read_uleb(&at);
            set_place(state, number, PLACE_OTHER, 0);
            break;
        case 0x0a: /* remember_state */
            if (depth == DEEPEST) return false;
            remembered[depth++] = *state;
            break;
        case 0x0b: /* restore_state */
            if (depth == 0) return false;
            *state = remembered[--depth];
            break;
        case 0x0c: /* def_cfa */
            state->cfa_register = read_uleb(&at);
            state->cfa_offset = (int64_t)read_uleb(&at);
            state->cfa_known = true;
            break;
        case 0x12: /* def_cfa_sf */
            state->cfa_register = read_uleb(&at);
            state->cfa_offset = read_sleb(&at) * common->data_align;
            state->cfa_known = true;
            break;
        case 0x0d: /* def_cfa_register */
            state->cfa_register = read_uleb(&at);
            break;
        case 0x0e: /* def_cfa_offset */
            state->cfa_offset = (int64_t)read_uleb(&at);
            break;
        case 0x13: /* def_cfa_offset_sf */
            state->cfa_offset = read_sleb(&at) * common->data_align;
            break;
        case 0x0f: /* def_cfa_expression */
            skip_block(&at);
            state->cfa_known = false;
            break;
        case 0x10: /* expression */
        case 0x16: /* val_expression */
            number = read_uleb(&at);
            skip_block(&at);
            set_place(state, number, PLACE_OTHER, 0);
            break;
        case 0x14: /* val_offset */
            number = read_uleb(&at);
            read_uleb(&at);
            set_place(state, number, PLACE_OTHER, 0);
            break;
        case 0x2e: /* GNU_args_size */
            read_uleb(&at);
            break;
        default:
            return false;
        }
    }
    return true;
}
