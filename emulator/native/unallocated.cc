// The engine's AArch64 translator ends the process with an assertion when it meets an encoding of "Advanced SIMD two-register miscellaneous
// (FP16)" that its architecture has not allocated. Such words read as UDF while a block is translated, so that they raise the exception which
// the architecture gives unallocated encodings (Arm ARM, C2.1).
#include <cstring>
#include <initializer_list>

#include "machine.h"

namespace melf {
namespace {

constexpr uint32_t kUdf = 0;

// What is allocated, as bits by opcode, for U and a (Arm ARM, tables "Advanced SIMD scalar two-register miscellaneous FP16" and "Advanced SIMD
// two-register miscellaneous (FP16)").
constexpr uint32_t Bits(std::initializer_list<int> opcodes) {
  uint32_t bits = 0;
  for (int opcode : opcodes) bits |= 1u << opcode;
  return bits;
}
constexpr uint32_t kScalar[2][2] = {{Bits({0x1a, 0x1b, 0x1c, 0x1d}), Bits({0x0c, 0x0d, 0x0e, 0x1a, 0x1b, 0x1d, 0x1f})},
                                    {Bits({0x1a, 0x1b, 0x1c, 0x1d}), Bits({0x0c, 0x0d, 0x1a, 0x1b, 0x1d})}};
constexpr uint32_t kVector[2][2] = {
    {Bits({0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d}), Bits({0x0c, 0x0d, 0x0e, 0x0f, 0x18, 0x19, 0x1a, 0x1b, 0x1d})},
    {Bits({0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d}), Bits({0x0c, 0x0d, 0x0f, 0x19, 0x1a, 0x1b, 0x1d, 0x1f})}};

bool EndsTheEngine(uint32_t word) {
  if ((word & 0x8f7e0c00) != 0x0e780800) return false;
  const bool scalar = word >> 28 & 1, wide = word >> 30 & 1;
  if (scalar && !wide) return false;  // another class: floating-point data processing
  const auto& allocated = scalar ? kScalar : kVector;
  return (allocated[word >> 29 & 1][word >> 23 & 1] >> (word >> 12 & 0x1f) & 1) == 0;
}

}  // namespace

void ShowUnallocated(Core* core) {
  for (const auto& [place, word] : core->hidden) std::memcpy(place, &word, sizeof word);
  core->hidden.clear();
}

void HideUnallocated(Core* core, uint64_t pc) {
  ShowUnallocated(core);  // a translation may have been left by a longjmp
  const uint64_t entry = walk(*core->memory, core->root, pc);
  if (!(entry & kPteExec)) return;
  uint8_t* page = core->memory->base + ((entry >> 32) << kPageShift);
  for (uint64_t at = pc & (kPageSize - 1); at + 4 <= kPageSize; at += 4) {  // no block goes beyond its page
    uint32_t word;
    std::memcpy(&word, page + at, sizeof word);
    if (!EndsTheEngine(word)) continue;
    core->hidden.emplace_back(page + at, word);
    std::memcpy(page + at, &kUdf, sizeof kUdf);
  }
}

}  // namespace melf
