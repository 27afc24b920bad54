/*
 * What stands in libmelf's place in the builds without variants, so that memcached's own code is the same in all of them.
 * Without MELF_BRANCH a switch does nothing; with it, it sets the condition that every function asks (see fentry.S).
 */
#include <stddef.h>
#include <string.h>

#include "melf.h"

static const char *const names[] = {"fast", "prof"};
enum { COUNT = sizeof names / sizeof *names };

#ifdef MELF_BRANCH
__thread int melf_profiling;
int melf_switch(int variant) {
    int before = melf_profiling;
    melf_profiling = variant;
    return before;
}
int melf_current(void) { return melf_profiling; }
#else
int melf_switch(int variant) {
    (void)variant;
    return 0;
}
int melf_current(void) { return 0; }
#endif

int melf_init(void) { return 0; }
int melf_variant_count(void) { return COUNT; }
const char *melf_variant_name(int variant) { return variant >= 0 && variant < COUNT ? names[variant] : NULL; }
int melf_switch_all(int variant) { return melf_switch(variant < 0 ? 0 : variant); }

int melf_variant(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}
