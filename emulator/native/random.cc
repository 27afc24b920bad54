// rdrand takes its value from the host's random numbers. The engine's helper for it is found by symbol lookup (as in exit-check.cc), so ours
// comes first: it lets the engine's own set the flags and gives a number from the core's seeded state instead.
#include "machine.h"

#if defined(__linux__)
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) uint64_t helper_rdrand_x86_64(void* cpu) {
  using Helper = uint64_t (*)(void*);
  static const auto next = reinterpret_cast<Helper>(dlsym(RTLD_NEXT, "helper_rdrand_x86_64"));
  const uint64_t host = next(cpu);
  return melf::runningCore ? melf::NextRandom(melf::runningCore->random) : host;
}
#endif

namespace melf {

// SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): any state is a good one.
uint64_t NextRandom(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace melf
