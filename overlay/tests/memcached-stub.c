/*
 * In libmelf's place, for a memcached whose variants are chosen from outside: where the program would switch, and so vouches that only
 * common code is on its stack, it makes a system call that does nothing.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "melf.h"

int melf_init(void) { return 0; }
int melf_variant_count(void) { return 2; }
const char *melf_variant_name(int variant) { return variant == 0 ? "fast" : variant == 1 ? "prof" : NULL; }
int melf_variant(const char *name) { return name[0] == 'p'; }
int melf_switch(int variant) {
    (void)variant;
    syscall(SYS_gettid);
    return 0;
}
int melf_switch_all(int variant) { return melf_switch(variant); }
int melf_current(void) { return 0; }
