/*
 * The kernels of an executable that holds both compiles and chooses once per process, as an ifunc resolver does (GCC manual, "ifunc"): by
 * what the CPU has that happens to run the program's start. Nobody asks again when a thread runs on another one.
 */
#include <stdbool.h>
#include <stddef.h>

#define KERNELS_CHOSEN /* this file fills them in */
#include "kernels.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
enum { HWCAP_LSE = 1 << 8, HWCAP_DOTPROD = 1 << 20 };
static bool has_extension(void) {
    const unsigned long both = HWCAP_LSE | HWCAP_DOTPROD;
    return (getauxval(AT_HWCAP) & both) == both;
}
#else
static bool has_extension(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("aes");
}
#endif

#define DECLARE(name) kernel_function kernel_##name##_base, kernel_##name##_ext;
#define ENTRY(name) {#name, kernel_##name##_base},
#define CHOOSE(name) kernels[at++].run = kernel_##name##_ext;

EACH_KERNEL(DECLARE)

struct kernel kernels[] = {EACH_KERNEL(ENTRY){NULL, NULL}};

__attribute__((constructor)) static void choose(void) {
    if (!has_extension()) return;
    int at = 0;
    EACH_KERNEL(CHOOSE)
    (void)at;
}
