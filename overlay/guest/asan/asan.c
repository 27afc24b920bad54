/*
 * An AddressSanitizer runtime for static programs: heap errors only, checks by calls. Compile this one file without any sanitizer and
 * link it into the program; it takes the place of the C library's malloc.
 *
 *     gcc -O2 -c asan.c
 *     gcc -O2 -fsanitize=kernel-address --param asan-instrumentation-with-call-threshold=0 --param asan-stack=0 \
 *         --param asan-globals=0 -U__SANITIZE_ADDRESS__ -include redirect.h -c program.c
 *     gcc -static -Wl,--eh-frame-hdr program.o asan.o
 *
 * In a multivariant program it is common code: every variant uses its heap, the sanitised ones call its checks. Environment, with
 * colons between: MELF_ASAN_OPTIONS=halt_on_error=1:exitcode=1:max_reports=1000:stack_depth=10:plain_stack_depth=10:quarantine_kb=4096
 *
 * Found: reads and writes before and behind heap blocks, uses after free, double frees, frees of what is no block, memcpy of
 * overlapping ranges. Not looked for: leaks, errors on the stack and in globals, new freed by free.
 *
 * Signals: checks take no lock and may run in a handler; malloc and free may not, as with any libc. Forks are safe: the heap's lock is
 * free in the child.
 */
#define _GNU_SOURCE

#include "parts.h"

#include "variant.c"

#include "options.c"

#include "lock.c"

#include "unwind-tables.c"

#include "backtrace.c"

#include "heap.c"

#include "report.c"

#include "checks.c"

#include "memory-functions.c"

#include "malloc.c"
