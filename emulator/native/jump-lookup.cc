// Indirect jumps, calls and returns look their target block up. On AArch64 the engine's own lookup takes some 75 host instructions, 40 % of the time in
// code with many calls (docs/decisions.md). The helper is found by symbol lookup (as in exit-check.cc), so ours comes first: it takes the usual
// case from the engine's cache of recent blocks, with all that the engine compares for AArch64 code that is not single-stepped, and leaves the
// rest to the engine's. The layout is that of Unicorn 2.1.4; it is only used when the library's code contains these very offsets.
#include "engine-code.h"

#if defined(MELF_FAST_EXIT_CHECK) && defined(__x86_64__) && defined(__linux__)
#include <dlfcn.h>

#include <cstring>

namespace melf {
namespace {

// From the CPU's architectural state, which is behind the cache in the same object.
constexpr int kPc = 0x140, kFlags = 0x150, kBranchType = 0x228, kRecentBlocks = -0xa218;
// From tb-hash.h and cpu.h: twelve bits of hash, the upper half by page; the flags "AArch64 state" and "single step"; where the branch type is in them.
constexpr int kHalf = 6;
constexpr uint64_t kLowMask = 0x3f, kHighMask = 0xfc0;
constexpr uint32_t kAarch64State = 1u << 31, kSingleStep = 1u << 30, kBranchTypeMask = 3;
constexpr int kBranchTypeShift = 10;
// From exec-all.h: how it was made, apart from the cluster number; 0 for blocks that are valid and made for ordinary runs.
constexpr uint32_t kMadeMask = 0xeffff;

using Lookup = void* (*)(void*);

struct Engine {
  Lookup lookup;
  bool known;
};

Engine Load() {
  const auto lookup = reinterpret_cast<Lookup>(dlsym(RTLD_NEXT, "helper_lookup_tb_ptr_aarch64"));
  const void* state = dlsym(RTLD_NEXT, "cpu_get_tb_cpu_state_aarch64");
  const bool known = IsKnownEngine() && CodeContains(reinterpret_cast<void*>(lookup), 0xf0, kRecentBlocks) &&
                     CodeContains(state, 0x140, kPc) && CodeContains(state, 0x140, kFlags) && CodeContains(state, 0x140, kBranchType);
  return {lookup, known};
}

const Engine engine = Load();

template <typename Word>
Word At(const void* state, int offset) {
  Word word;
  std::memcpy(&word, static_cast<const char*>(state) + offset, sizeof word);
  return word;
}

}  // namespace
}  // namespace melf

extern "C" __attribute__((visibility("default"))) void* helper_lookup_tb_ptr_aarch64(void* state) {
  using namespace melf;
  const auto flags = At<uint32_t>(state, kFlags);
  if (engine.known && (flags & (kAarch64State | kSingleStep)) == kAarch64State) {
    const auto pc = At<uint64_t>(state, kPc);
    const uint64_t mixed = pc ^ (pc >> kHalf);
    const uint64_t hash = ((mixed >> kHalf) & kHighMask) | (mixed & kLowMask);
    const auto* block = At<const TranslationBlock*>(state, kRecentBlocks + static_cast<int>(hash * sizeof(void*)));
    const uint32_t all = flags | (At<uint32_t>(state, kBranchType) & kBranchTypeMask) << kBranchTypeShift;
    if (block && block->pc == pc && block->flags == all && (block->made & kMadeMask) == 0) return block->code;
  }
  return engine.lookup(state);
}
#endif
