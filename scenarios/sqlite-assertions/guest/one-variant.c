/*
 * What stands in libmelf's place in the builds without variants, so that the programs' own code is the same in all of them. ONE_VARIANT is
 * what SQLite was compiled as; a switch does nothing.
 */
#include <stddef.h>
#include <string.h>

#include "melf.h"

static const char *const names[] = {"noassert", "assert"};
enum { COUNT = sizeof names / sizeof *names };

int melf_init(void) { return 0; }
int melf_variant_count(void) { return COUNT; }
const char *melf_variant_name(int variant) { return variant >= 0 && variant < COUNT ? names[variant] : NULL; }
int melf_current(void) { return ONE_VARIANT; }
int melf_switch(int variant) {
    (void)variant;
    return ONE_VARIANT;
}
int melf_switch_all(int variant) { return melf_switch(variant); }

int melf_variant(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}
