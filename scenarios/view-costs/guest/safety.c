/*
 * Switches at the bottom of a stack of so many common functions: what looking at the stack before each of them takes. Arguments: functions on the
 * stack, switches, MiB of memory in use. With CONTEXTS it calls setjmp: then the memory is looked at, too.
 */
#ifdef CONTEXTS
#include <setjmp.h>
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "melf.h"

int answer(void);

#ifdef VARIANT_CODE
int answer(void) { return VARIANT_CODE; }
#else

static int wrong;

static int below(int functions, int switches) {
    if (functions > 0) return 1 + below(functions - 1, switches);
    for (int i = 0; i < switches; i++) {
        int variant = 1 - i % 2;
        if (melf_switch(variant) < 0 || answer() != variant) wrong++;
    }
    return 0;
}

#ifdef CONTEXTS
static jmp_buf home;
#endif

int main(int count, char **arguments) {
    if (count != 4) return 2;
    /* No word is zero: each has to be looked at. */
    size_t words = (size_t)atoi(arguments[3]) * (1024 * 1024 / sizeof(uint64_t));
    volatile uint64_t *memory = malloc(words * sizeof *memory);
    for (size_t i = 0; i < words; i++) memory[i] = i + 1;
#ifdef CONTEXTS
    if (setjmp(home) != 0) return 4;
#endif
    int functions = atoi(arguments[1]);
    if (below(functions, atoi(arguments[2])) != functions) return 3;
    return wrong != 0;
}
#endif
