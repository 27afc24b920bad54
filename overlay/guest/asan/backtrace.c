/*
 * Stacks without frame pointers. What the unwind tables say of a return address is worked out once and kept in a small table, so that a
 * walk costs about twenty instructions a frame: an allocation can afford one.
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
static uintptr_t program_start, text_start, text_end;
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
    text_start = UINTPTR_MAX;
    for (size_t i = 0; i < count; i++) {
        const Elf64_Phdr *header = &headers[i];
        if (header->p_type == PT_GNU_EH_FRAME) frame_header = (const unsigned char *)(bias + header->p_vaddr);
        if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0) continue;
        if (bias + header->p_vaddr < text_start) text_start = bias + header->p_vaddr;
        if (bias + header->p_vaddr + header->p_memsz > text_end) text_end = bias + header->p_vaddr + header->p_memsz;
    }
}

/* ---- Rules, packed: 1 bit CFA from the frame pointer, 1 bit frame pointer saved, 12 bits each where (in words), 32 bits CFA offset. */

enum { RULE_FROM_FP = 1, RULE_FP_SAVED = 2, RULE_KNOWN = 4, RULE_RET_SHIFT = 8, RULE_FP_SHIFT = 20, RULE_CFA_SHIFT = 32 };

static bool fits(int64_t offset) { return offset % 8 == 0 && offset >= -2048 * 8 && offset < 2048 * 8; }

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
    if (state.cfa_offset < 0 || state.cfa_offset > LARGEST_FRAME) return 0;
    uint64_t rule = RULE_KNOWN | (uint64_t)state.cfa_offset << RULE_CFA_SHIFT;
    rule |= ((uint64_t)(state.ret.offset / 8) & 0xfff) << RULE_RET_SHIFT;
    if (state.cfa_register == REGISTER_FP) rule |= RULE_FROM_FP;
    if (state.fp.kind == PLACE_SAVED) rule |= RULE_FP_SAVED | ((uint64_t)(state.fp.offset / 8) & 0xfff) << RULE_FP_SHIFT;
    return rule;
}

/* Without locks: an entry is right when its two words agree about the key ("lockless transposition tables", R. Hyatt and T. Mann). */
enum { CACHE_ENTRIES = 1 << 13 };
static struct {
    uint64_t rule, check;
} rules[CACHE_ENTRIES];

static NOINLINE uint64_t missing_rule(uintptr_t pc, unsigned variant, uint64_t key, size_t slot) {
    uint64_t rule = work_out_rule(pc - 1, variant); /* a call may be its function's last instruction */
    __atomic_store_n(&rules[slot].check, rule ^ key, __ATOMIC_RELAXED);
    __atomic_store_n(&rules[slot].rule, rule, __ATOMIC_RELAXED);
    return rule;
}

static inline int64_t word_offset(uint64_t rule, unsigned shift) {
    return ((int64_t)(rule << (64 - 12 - shift)) >> (64 - 12)) * 8;
}

static unsigned backtrace_from(struct frame_start at, unsigned variant, uintptr_t *pcs, unsigned most) {
    unsigned count = 0;
    while (count < most && at.pc - text_start < text_end - text_start) {
        pcs[count++] = at.pc;
        uint64_t key = (uint64_t)at.pc << 8 | (variant & 0x7f) << 1 | 1;
        size_t slot = (at.pc ^ at.pc >> 13) % CACHE_ENTRIES;
        uint64_t rule = __atomic_load_n(&rules[slot].rule, __ATOMIC_RELAXED);
        if (UNLIKELY((__atomic_load_n(&rules[slot].check, __ATOMIC_RELAXED) ^ rule) != key))
            rule = missing_rule(at.pc, variant, key, slot);
        if ((rule & RULE_KNOWN) == 0) break;
        uintptr_t cfa = (rule & RULE_FROM_FP ? at.fp : at.sp) + (uintptr_t)(rule >> RULE_CFA_SHIFT);
        if (cfa % 8 != 0 || cfa - at.sp - 1 >= LARGEST_FRAME) break;
        at.pc = *(const uintptr_t *)(cfa + (uintptr_t)word_offset(rule, RULE_RET_SHIFT)) & 0xffffffffffff;
        if (rule & RULE_FP_SAVED) at.fp = *(const uintptr_t *)(cfa + (uintptr_t)word_offset(rule, RULE_FP_SHIFT));
        at.sp = cfa;
    }
    return count;
}
