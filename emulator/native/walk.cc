// Four levels of 512 eight-byte entries, 48-bit addresses: the shape of x86-64's tables (Intel SDM vol. 3, 4.5), used for both ISAs.
#include "machine.h"

namespace melf {

uint64_t walk(const Memory& memory, uint32_t root, uint64_t va) {
  uint64_t frame = root;
  for (int shift = 39;; shift -= 9) {
    const auto* table = reinterpret_cast<const uint64_t*>(memory.base + (frame << kPageShift));
    const uint64_t entry = table[(va >> shift) & 511];
    if (!(entry & kPtePresent)) return 0;
    if (shift == kPageShift) return entry;
    frame = entry >> 32;
  }
}

}  // namespace melf
