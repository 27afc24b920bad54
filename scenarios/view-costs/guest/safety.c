/*
 * Switches at the bottom of a stack of so many common functions: what looking at the stack before each of them takes. Arguments: functions on the
 * stack, switches.
 */
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

int main(int count, char **arguments) {
    if (count != 3) return 2;
    int functions = atoi(arguments[1]);
    if (below(functions, atoi(arguments[2])) != functions) return 3;
    return wrong != 0;
}
#endif
