// The software-managed TLB: on a miss the engine asks here, and the page tables answer, or TypeScript after a page fault.
#include <algorithm>

#include "machine.h"

namespace melf {
namespace {

// The engine's TLB begins with 256 entries, directly mapped, and doubles when it is flushed with more than 70 % of them in use. A working set
// that just fits has fewer in use and collides for ever: filled up with entries of no use first, the next flush doubles it.
constexpr uint32_t kFillsBeforeGrowth = 8192, kMostEntries = 1 << 15;
constexpr uint64_t kUnusedVa = uint64_t{0x5a} << 40;

void GrowEngineTlb(Core* core) {
  if (core->engineTlbEntries == kMostEntries) return FlushEngineTlb(core);
  core->filling = true;
  for (uint32_t i = 0; i < core->engineTlbEntries; i++) {
    uint64_t unused = 0;
    uc_vmem_translate(core->uc, kUnusedVa + (uint64_t{i} << kPageShift), UC_PROT_READ, &unused);
  }
  core->filling = false;
  core->engineTlbEntries *= 2;
  FlushEngineTlb(core);
}

uint32_t NeededFlag(uc_mem_type type) {
  return type == UC_MEM_WRITE ? kPteWrite : type == UC_MEM_FETCH ? kPteExec : kPteRead;
}

}  // namespace

void FlushEngineTlb(Core* core) {
  core->fillsSinceFlush = 0;
  uc_ctl_flush_tlb(core->uc);
}

bool FillTlb(uc_engine*, uint64_t va, uc_mem_type type, uc_tlb_entry* result, void* data) {
  auto* core = static_cast<Core*>(data);
  if (core->filling) {
    *result = {0, UC_PROT_READ};
    return true;
  }
  core->box.tlbFills++;
  // The modelled TLB (`touched`) does not notice.
  if (++core->fillsSinceFlush == std::max(kFillsBeforeGrowth, 4 * core->engineTlbEntries)) GrowEngineTlb(core);
  const uint32_t needed = NeededFlag(type);
  uint64_t entry = walk(*core->memory, core->root, va);
  if (!(entry & needed)) {
    napi_handle_scope scope;
    napi_open_handle_scope(core->env, &scope);
    napi_value args[2] = {Number(core->env, static_cast<double>(va)), Number(core->env, needed)};
    napi_value answer = Call(core, core->onPageFault, 2, args);
    bool resolved = false;
    if (answer) napi_get_value_bool(core->env, answer, &resolved);
    napi_close_handle_scope(core->env, scope);
    entry = resolved ? walk(*core->memory, core->root, va) : 0;
    if (!(entry & needed)) {
      core->box.faultVa = static_cast<double>(va);
      core->box.faultAccess = needed;
      if (core->exit != Exit::kError) core->exit = Exit::kPageFault;
      return false;
    }
  }
  if (core->touched->insert(va).second) {
    core->box.tlbMisses++;
    if (core->inlineAccounting) core->hot->budget -= static_cast<int64_t>(core->box.tlbMissCycles) * kOneCycle;
    else core->box.cycles += core->box.tlbMissCycles;
  }
  result->paddr = (entry >> 32) << kPageShift;
  // A page that is writable and executable never becomes a clean RAM page in the engine's TLB: map it as one or the other.
  uint32_t perms = entry & (kPteRead | kPteWrite | kPteExec);
  result->perms = static_cast<uc_prot>((perms & kPteRead ? UC_PROT_READ : 0) | (perms & kPteWrite ? UC_PROT_WRITE : 0) |
                                       (perms & kPteExec ? UC_PROT_EXEC : 0));
  return true;
}

}  // namespace melf
