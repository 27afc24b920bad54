/*
 * Stacks without frame pointers. What the unwind tables say of a return address is worked out once and kept in a small table, so that a
 * walk costs about thirty instructions a frame: an allocation can afford one.
 *
 * Of each call site three things are needed: where the caller's frame ends (the canonical frame address, from the stack or the frame
 * pointer), and where the return address and the frame pointer are saved. Code that says it by an expression ends the walk.
 */
#include "parts.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

/* Frames larger than this are taken for nonsense. */
enum { LARGEST_FRAME = 1 << 20 };

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
static uintptr_t program_start, text_start, text_bytes;
static const unsigned char *frame_header;

static uint32_t short_address(uintptr_t pc) { return (uint32_t)(pc - program_start); }
static uintptr_t long_address(uint32_t address) { return program_start + address; }

static void prepare_backtrace(void) {
    const Elf64_Phdr *headers = (const Elf64_Phdr *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    if (headers == NULL) return;
    uintptr_t bias = 0;
    for (size_t i = 0; i < count; i++)
        if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
            bias = (uintptr_t)&__ehdr_start - headers[i].p_vaddr;
    program_start = bias;
    uintptr_t text_end = 0;
    text_start = UINTPTR_MAX;
    for (size_t i = 0; i < count; i++) {
        const Elf64_Phdr *header = &headers[i];
        if (header->p_type == PT_GNU_EH_FRAME) frame_header = (const unsigned char *)(bias + header->p_vaddr);
        if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0) continue;
        if (bias + header->p_vaddr < text_start) text_start = bias + header->p_vaddr;
        if (bias + header->p_vaddr + header->p_memsz > text_end) text_end = bias + header->p_vaddr + header->p_memsz;
    }
    text_bytes = text_end - text_start;
}

/* ---- Rules. From the lowest bit: flags, then in words where the return address and the frame pointer are saved and where the frame ends. */

enum { RULE_FROM_FP = 1, RULE_FP_SAVED = 2, RULE_KNOWN = 4, RULE_WORKED_OUT = 8 };
enum { RULE_RET_SHIFT = 4, RULE_FP_SHIFT = 16, RULE_CFA_SHIFT = 28 };
/* What 12 bits of words can say; a larger frame ends the walk. */
enum { LARGEST_OFFSET = 2047 * 8, LARGEST_CFA = 4095 * 8 };

static bool fits(int64_t offset) { return offset % 8 == 0 && offset >= -LARGEST_OFFSET && offset <= LARGEST_OFFSET; }

static uint64_t work_out_rule(uintptr_t pc, unsigned variant) {
    uintptr_t start = 0;
    const unsigned char *record = NULL;
    if (variant != 0 && variant < variant_count() && pc - (uintptr_t)melf_u64(WINDOW) < melf_u64(WINDOW_SIZE))
        record = find_record((const unsigned char *)(uintptr_t)melf_u64(variant_entry(variant) + ENTRY_FRAME_HEADER), pc, &start);
    if (record == NULL) record = find_record(frame_header, pc, &start);
    if (record == NULL) return 0;
    uint32_t length = read_u32(record);
    if (length == 0xffffffff || length == 0) return 0;
    const unsigned char *end = record + 4 + length, *at = record + 4;
    struct common_record common;
    if (!read_common(at - read_u32(at), &common) || common.is_signal) return 0;
    size_t address_bytes = encoded_bytes(common.encoding);
    at += 4 + address_bytes;
    uint64_t code_bytes = 0;
    memcpy(&code_bytes, at, address_bytes);
    at += address_bytes;
    if (pc - start >= code_bytes) return 0;
    if (common.has_augmentation) skip_block(&at);
    struct frame_state initial = {0}, state;
    if (!run_instructions(common.code, common.end, &common, UINT64_MAX, &initial, &initial)) return 0;
    state = initial;
    if (!run_instructions(at, end, &common, pc - start, &initial, &state)) return 0;
    if (!state.cfa_known || state.ret.kind != PLACE_SAVED || !fits(state.ret.offset)) return 0;
    if (state.fp.kind == PLACE_OTHER || !fits(state.fp.offset)) return 0;
    if (state.cfa_register != REGISTER_FP && state.cfa_register != REGISTER_SP) return 0;
    if (state.cfa_offset < 0 || state.cfa_offset > LARGEST_CFA || state.cfa_offset % 8 != 0) return 0;
    uint64_t rule = RULE_KNOWN | (uint64_t)(state.cfa_offset / 8) << RULE_CFA_SHIFT;
    rule |= ((uint64_t)(state.ret.offset / 8) & 0xfff) << RULE_RET_SHIFT;
    if (state.cfa_register == REGISTER_FP) rule |= RULE_FROM_FP;
    if (state.fp.kind == PLACE_SAVED) rule |= RULE_FP_SAVED | ((uint64_t)(state.fp.offset / 8) & 0xfff) << RULE_FP_SHIFT;
    return rule;
}

/* ---- The table: one word an entry, so that threads need no lock. */

enum { SLOT_BITS = 13, TAG_SHIFT = 40 };
static uint64_t rules[1 << SLOT_BITS];

/* What of an address and a variant the slot's number does not say: 19 bits and 5. A program's code lies in its first 4 GiB. */
static inline uint64_t tag_of(uint32_t address, unsigned variant) {
    return ((uint64_t)(address >> SLOT_BITS) << 5 | (variant & 31)) << TAG_SHIFT;
}
static inline size_t slot_of(uint32_t address) {
    return (address ^ address >> SLOT_BITS) & ((1 << SLOT_BITS) - 1); /* with the tag it gives the address back */
}

static NOINLINE uint64_t missing_rule(uint32_t address, unsigned variant) {
    uint64_t rule = work_out_rule(long_address(address) - 1, variant); /* a call may be its function's last instruction */
    rule |= RULE_WORKED_OUT | tag_of(address, variant);
    __atomic_store_n(&rules[slot_of(address)], rule, __ATOMIC_RELAXED);
    return rule;
}

static inline int64_t word_offset(uint64_t rule, unsigned shift) {
    return ((int64_t)(rule << (64 - 12 - shift)) >> (64 - 12)) * 8;
}

/* Goes from one frame to its caller; false at the end of what can be known. */
static inline __attribute__((always_inline)) bool step(struct frame_start *at, unsigned variant) {
    uint32_t address = short_address(at->pc);
    uint64_t rule = __atomic_load_n(&rules[slot_of(address)], __ATOMIC_RELAXED);
    if (UNLIKELY(((rule ^ tag_of(address, variant)) >> TAG_SHIFT) != 0 || (rule & RULE_WORKED_OUT) == 0))
        rule = missing_rule(address, variant);
    if (UNLIKELY((rule & RULE_KNOWN) == 0)) return false;
    uintptr_t cfa = (rule & RULE_FROM_FP ? at->fp : at->sp) + (rule >> RULE_CFA_SHIFT & 0xfff) * 8;
    if (UNLIKELY(cfa % 8 != 0 || cfa - at->sp - 1 >= LARGEST_FRAME)) return false;
#if defined __x86_64__
    at->pc = *(const uintptr_t *)(cfa - 8);
#else
    at->pc = *(const uintptr_t *)(cfa + (uintptr_t)word_offset(rule, RULE_RET_SHIFT)) & 0xffffffffffff; /* may be signed */
#endif
    if (rule & RULE_FP_SAVED) at->fp = *(const uintptr_t *)(cfa + (uintptr_t)word_offset(rule, RULE_FP_SHIFT));
    at->sp = cfa;
    return true;
}

static unsigned backtrace_from(struct frame_start at, unsigned variant, uintptr_t *pcs, unsigned most) {
    unsigned count = 0;
    while (count < most && at.pc - text_start < text_bytes) {
        pcs[count++] = at.pc;
        if (count == most || !step(&at, variant)) break;
    }
    return count;
}

static unsigned short_backtrace(struct frame_start at, unsigned variant, uint32_t *addresses, unsigned most) {
    unsigned count = 0;
    while (count < most && at.pc - text_start < text_bytes) {
        addresses[count++] = short_address(at.pc);
        if (count == most || !step(&at, variant)) break;
    }
    return count;
}
