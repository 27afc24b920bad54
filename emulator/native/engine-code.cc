#include "engine-code.h"

#include <unicorn/unicorn.h>

#include <cstring>

namespace melf {

bool IsKnownEngine() {
  constexpr unsigned kVersion = 0x020104;
  return uc_version(nullptr, nullptr) >> 8 == kVersion;
}

bool CodeContains(const void* function, size_t length, const void* bytes, size_t count) {
  const auto* code = static_cast<const uint8_t*>(function);
  for (size_t i = 0; code && i + count <= length; i++) {
    if (std::memcmp(code + i, bytes, count) == 0) return true;
  }
  return false;
}

}  // namespace melf
