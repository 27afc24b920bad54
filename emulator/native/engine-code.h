// What is known of Unicorn 2.1.4 from the inside: how it keeps a translated block, and how to tell that a library's code is what we take it for.
#pragma once
#include <cstddef>
#include <cstdint>

namespace melf {

// The beginning of the engine's structure of this name (exec/exec-all.h).
struct TranslationBlock {
  uint64_t pc, csBase;
  uint32_t flags;
  uint16_t size, icount;
  uint32_t made, traced;  // `cflags` and `trace_vcpu_dstate`
  void* code;
};

// Whether the loaded library is the version that all this belongs to.
bool IsKnownEngine();

// Whether these bytes stand within the first `length` ones of a function; false without a function.
bool CodeContains(const void* function, size_t length, const void* bytes, size_t count);

template <typename Bytes>
bool CodeContains(const void* function, size_t length, const Bytes& bytes) {
  return CodeContains(function, length, &bytes, sizeof bytes);
}

}  // namespace melf
