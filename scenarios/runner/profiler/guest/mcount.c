/*
 * _mcount: what `gcc -pg` calls on AArch64 (which has no -mfentry) at the start of every function, behind the prologue, as any other function of the
 * AAPCS64: the compiler has put the arguments where the call leaves them alone. x0 is where the instrumented function returns to.
 *
 * With MELF_BRANCH the instrumentation is there for every client and a condition decides each time whether it counts.
 */
#include <stdint.h>

void melf_profile_arc(uintptr_t call_site, uintptr_t function);

#ifdef MELF_BRANCH
extern __thread int melf_profiling;
#endif

void _mcount(uintptr_t call_site) {
#ifdef MELF_BRANCH
    if (melf_profiling == 0) return;
#endif
    melf_profile_arc(call_site, (uintptr_t)__builtin_return_address(0));
}
