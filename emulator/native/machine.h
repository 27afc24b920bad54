// The native half of the machine: guest-physical memory, the page-table walk, block accounting and one Unicorn engine per core.
// It assumes valid input: everything is checked by its only caller, ../core. See docs/decisions.md for why each piece is here.
#pragma once
#include <node_api.h>
#include <unicorn/unicorn.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace melf {

constexpr uint64_t kPageSize = 4096;
constexpr int kPageShift = 12;

// A page-table entry: low half = flags, high half = frame number (../memory/page-table.ts writes them).
constexpr uint32_t kPtePresent = 1, kPteRead = 2, kPteWrite = 4, kPteExec = 8;

enum class Exit : int { kBudget = 0, kSyscall = 1, kPageFault = 2, kIllegal = 3, kInterrupt = 4, kError = 5 };

// Shared with TypeScript as a Float64Array (doubles are exact up to 2^53): names and order as in binding.ts.
struct Mailbox {
  double cycles, instructions, limit;
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
  std::vector<int64_t> hits;  // the same, as translated code counts them
  std::unordered_set<uint64_t> watched;  // addresses at which a counted block may begin
  uint64_t generation = 0;    // grows when costs become invalid
  void clear();
};

// What translated code reads and writes at each block's start (inline-accounting.cc). `budget` = cycles left * 2^24 + instructions
// executed. No instruction costs less than a cycle, so fewer than 2^24 cycles at a time keep the instructions in their field.
constexpr int64_t kOneCycle = int64_t{1} << 24;
struct Hot {
  int64_t budget = 0;
  int64_t last = kNoBlock;  // index in Core::blocks
  int64_t granted = 0;      // cycles in `budget` when it was last brought in line with the mailbox
  static constexpr int64_t kNoBlock = -1;
};

// Where a translated block is.
struct BlockPlace {
  uint64_t va;
  uint32_t size;
};

// What translated code is to do for its block.
struct BlockCharge {
  int64_t budget;    // to add to Hot::budget: instructions - cycles * 2^24
  int64_t* counter;  // to increase where a counted block may begin
};

struct Core {
  napi_env env;
  Memory* memory;
  BlockTable* table = nullptr;
  uc_engine* uc = nullptr;
  Mailbox box{};
  bool aarch64 = false;
  bool accounting = true, inlineAccounting = false;
  Hot* hot = nullptr;                        // in the lowest 2 GiB where possible: its address is a short operand there
  int64_t uncounted = 0;                     // where blocks at watched addresses count that have no counter in this view
  uint64_t random = 0;                       // what rdrand draws from
  std::vector<BlockPlace> blocks;            // the translated ones; translated code holds their indices
  std::vector<std::pair<uint8_t*, uint32_t>> hidden;  // words that the translation under way must not see, and where (unallocated.cc)
  bool refused = false;                      // the block translated last must not run
  BlockTable* chargedTable = nullptr;        // whose costs translated code has
  uint64_t chargedGeneration = 0;
  uint32_t root = 0;                         // frame number of this core's top page table
  uint64_t windowStart = 0, windowSize = 0;  // code here differs between contexts (overlay window)
  uint64_t context = 0;                      // code context << 48
  Exit exit = Exit::kBudget;
  bool unguarded = false;  // runTo: blocks are neither refused nor charged
  // The modelled TLB: pages filled since it was last flushed, tagged by root as PCIDs (x86) and ASIDs (Arm) tag hardware's.
  std::unordered_map<uint32_t, std::unordered_set<uint64_t>> touchedOf;
  std::unordered_set<uint64_t>* touched = nullptr;
  uint32_t fillsSinceFlush = 0;             // of the engine's TLB since it was flushed, see FillTlb
  uint32_t engineTlbEntries = 256;          // at most: it shrinks by itself when few are in use
  bool filling = false;                     // the engine's TLB, to make it grow
  napi_ref onPageFault = nullptr, onBlock = nullptr, onPort = nullptr;
};

// walk.cc: the entry that maps `va` below `root`, or 0.
uint64_t walk(const Memory& memory, uint32_t root, uint64_t va);

// inline-accounting.cc: whether translated code can count by itself, and the core that runs in this thread.
bool InlineAccountingWorks(bool aarch64);
extern thread_local Core* runningCore;

// unallocated.cc: from the block at `pc` on, until they are shown again.
void HideUnallocated(Core* core, uint64_t pc);
void ShowUnallocated(Core* core);

// random.cc: the next number after `state`.
uint64_t NextRandom(uint64_t& state);

// accounting.cc: translated code counts in `hot`; JavaScript sees, and may change, the mailbox.
void BringOut(Core* core);
void BringIn(Core* core);

// accounting.cc: what the block at `va` costs, in the running core's view. False: the CPU lacks an instruction of it.
bool ChargeOf(Core* core, uint64_t va, uint32_t size, BlockCharge& charge);

// callback.cc: calls TypeScript; null after an exception, which run() throws when the engine has stopped.
napi_value Call(Core* core, napi_ref function, size_t argc, const napi_value* argv);
napi_value Number(napi_env env, double value);
void Export(napi_env env, napi_value exports, const char* name, napi_callback function);

// tlb.cc
bool FillTlb(uc_engine*, uint64_t va, uc_mem_type type, uc_tlb_entry* result, void* core);
void FlushEngineTlb(Core* core);

// accounting.cc: the block hook
void OnBlock(uc_engine* uc, uint64_t va, uint32_t size, void* core);

void DefineMemory(napi_env env, napi_value exports);
void DefineCore(napi_env env, napi_value exports);

}  // namespace melf
