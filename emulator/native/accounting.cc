// What each block costs, charged as it is entered: by the block hook (OnBlock), or by the translated code itself (inline-accounting.cc), whose counts are
// brought in line with the mailbox here.
#include <algorithm>
#include <cmath>

#include "machine.h"

namespace melf {

void BringOut(Core* core) {
  if (!core->inlineAccounting) return;
  Hot& hot = *core->hot;
  Mailbox& box = core->box;
  // The instructions are below 2^24, so that rounding down leaves the cycles, also where those are negative.
  const int64_t left = hot.budget >> 24;
  box.cycles += static_cast<double>(hot.granted - left);
  box.instructions += static_cast<double>(hot.budget & (kOneCycle - 1));
  hot.granted = left;
  hot.budget = left * kOneCycle;
  if (hot.last != Hot::kNoBlock) {  // else none has been charged since the run began
    const BlockPlace& last = core->blocks[hot.last];
    box.lastBlockVa = static_cast<double>(last.va);
    box.lastBlockSize = last.size;
  }
}

void BringIn(Core* core) {
  if (!core->inlineAccounting) return;
  const double left = std::ceil(core->box.limit - core->box.cycles);
  const double most = kOneCycle / 2;
  core->hot->granted = core->exit == Exit::kError ? 0 : static_cast<int64_t>(std::clamp(left, -most, most));
  core->hot->budget = core->hot->granted * kOneCycle;
}

namespace {

const BlockCost& BlockFromTable(Core* core, uint64_t key, uint64_t va, uint32_t size, BlockCost& slot) {
  auto found = core->table->all.find(key);
  if (found == core->table->all.end() || found->second.size != size) {
    napi_handle_scope scope;
    napi_open_handle_scope(core->env, &scope);
    napi_value args[2] = {Number(core->env, static_cast<double>(va)), Number(core->env, size)};
    napi_value answer = Call(core, core->onBlock, 2, args);  // a Float64Array [cycles, instructions, counter]
    if (!answer) {  // an exception: the block must not run, and nothing is known of it
      napi_close_handle_scope(core->env, scope);
      slot = BlockCost{~uint64_t{0}, 0, -1, -1, 0};
      return slot;
    }
    double values[3];
    void* bytes = nullptr;
    napi_get_typedarray_info(core->env, answer, nullptr, nullptr, &bytes, nullptr, nullptr);
    const auto* doubles = static_cast<const double*>(bytes);
    for (int i = 0; i < 3; i++) values[i] = doubles[i];
    napi_close_handle_scope(core->env, scope);
    const BlockCost cost{key, size, static_cast<int32_t>(values[2]), values[0], values[1]};
    found = core->table->all.insert_or_assign(key, cost).first;
  }
  slot = found->second;
  return slot;
}

uint64_t KeyOf(const Core* core, uint64_t va) {
  return va - core->windowStart < core->windowSize ? va | core->context : va;
}

}  // namespace

void OnBlock(uc_engine* uc, uint64_t va, uint32_t size, void* data) {
  auto* core = static_cast<Core*>(data);
  if (core->unguarded) return;
  Mailbox& box = core->box;
  if (box.cycles >= box.limit) {  // the block has not run: the engine leaves at the check behind this hook
    core->exit = Exit::kBudget;
    uc_emu_stop(uc);
    return;
  }
  const uint64_t key = KeyOf(core, va);
  BlockCost& slot = core->table->front[(va ^ (va >> 15) ^ (key >> 44)) & (BlockTable::kSlots - 1)];
  const BlockCost& block = slot.key == key && slot.size == size ? slot : BlockFromTable(core, key, va, size, slot);
  if (block.cycles < 0) {  // as above
    if (core->exit != Exit::kError) core->exit = Exit::kIllegal;
    uc_emu_stop(uc);
    return;
  }
  box.cycles += block.cycles;
  box.instructions += block.instructions;
  box.lastBlockVa = static_cast<double>(va);
  box.lastBlockSize = size;
  if (block.counter >= 0) core->table->counters[block.counter]++;
}

bool ChargeOf(Core* core, uint64_t va, uint32_t size, BlockCharge& charge) {
  BlockCost unused{};
  const BlockCost& cost = BlockFromTable(core, KeyOf(core, va), va, size, unused);
  if (cost.cycles < 0) return false;
  const auto cycles = static_cast<int64_t>(cost.cycles), instructions = static_cast<int64_t>(cost.instructions);
  charge = {instructions - cycles * kOneCycle, cost.counter >= 0 ? &core->table->hits[cost.counter] : &core->uncounted};
  return true;
}

}  // namespace melf
