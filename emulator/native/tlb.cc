// The software-managed TLB: on a miss the engine asks here, and the page tables answer, or TypeScript after a page fault.
#include "machine.h"

namespace melf {
namespace {

constexpr uint32_t kFillsBeforeGrowth = 16384;

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
  core->box.tlbFills++;
  // The engine's TLB has 256 entries and grows only when it is flushed: a large working set would miss for ever. The modelled TLB
  // (`touched`) does not notice.
  if (++core->fillsSinceFlush == kFillsBeforeGrowth) {
    FlushEngineTlb(core);
  }
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
    if (core->inlineAccounting) core->hot.budget -= static_cast<int64_t>(core->box.tlbMissCycles) * kOneCycle;
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
