// The native half of the machine: guest-physical memory, the page-table walk, block accounting and one Unicorn engine per core.
// It assumes valid input: everything is checked by its only caller, ../core. See docs/decisions.md for why each piece is here.
#pragma once
#include <node_api.h>
#include <unicorn/unicorn.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace melf {

constexpr uint64_t kPageSize = 4096;
constexpr int kPageShift = 12;

// A page-table entry: low half = flags, high half = frame number (../memory/page-table.ts writes them).
constexpr uint32_t kPtePresent = 1, kPteRead = 2, kPteWrite = 4, kPteExec = 8;

enum class Exit : int { kBudget = 0, kSyscall = 1, kPageFault = 2, kIllegal = 3, kInterrupt = 4, kError = 5 };

// Shared with TypeScript as a Float64Array (doubles are exact up to 2^53): names and order as in binding.ts.
struct Mailbox {
  double cycles, instructions, blocks, limit;
  double tlbFills, tlbMisses, tlbMissCycles;
  double exitPc, faultVa, faultAccess, interrupt, error;
  double sysno, arg[6], sp;
  double lastBlockVa, lastBlockSize;
  double tscBase; // time stamp counter = cycles + tscBase
};

// Guest-physical memory: one lazily committed region, RAM of every engine.
struct Memory {
  uint8_t* base = nullptr;
  uint64_t size = 0;
};

struct BlockCost {
  uint64_t key;    // virtual address | code context << 48
  uint32_t size;   // bytes
  int32_t counter; // index into BlockTable::counters, or -1
  double cycles, instructions;  // cycles < 0: the CPU lacks an instruction of the block
};

// Costs of the blocks seen so far, for one kind of CPU: a direct-mapped front, a map behind it, TypeScript behind that.
struct BlockTable {
  static constexpr uint32_t kSlots = 1 << 15;
  std::vector<BlockCost> front;
  std::unordered_map<uint64_t, BlockCost> all;
  std::vector<double> counters;
  void clear();
};

struct Core {
  napi_env env;
  Memory* memory;
  BlockTable* table = nullptr;
  uc_engine* uc = nullptr;
  Mailbox box{};
  bool aarch64 = false;
  uint32_t root = 0;                         // frame number of this core's top page table
  uint64_t windowStart = 0, windowSize = 0;  // code here differs between contexts (overlay window)
  uint64_t context = 0;                      // code context << 48
  Exit exit = Exit::kBudget;
  bool unguarded = false;  // runTo: blocks are neither refused nor charged
  // The modelled TLB: pages filled since it was last flushed, tagged by root as PCIDs (x86) and ASIDs (Arm) tag hardware's.
  std::unordered_map<uint32_t, std::unordered_set<uint64_t>> touchedOf;
  std::unordered_set<uint64_t>* touched = nullptr;
  napi_ref onPageFault = nullptr, onBlock = nullptr, onPort = nullptr;
};

// walk.cc: the entry that maps `va` below `root`, or 0.
uint64_t walk(const Memory& memory, uint32_t root, uint64_t va);

void DefineMemory(napi_env env, napi_value exports);
void DefineCore(napi_env env, napi_value exports);

}  // namespace melf
