/* Patterns of function names, as everywhere in this project: linker/options.ts says the same in TypeScript. */
#ifndef MELF_GLOB_H
#define MELF_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* The character after the one at `at`, in UTF-8. */
static inline const char *glob_next(const char *at) {
    do at++;
    while (((unsigned char)*at & 0xc0) == 0x80);
    return at;
}

/* Whether all of `name` matches: `*` is any number of characters, `?` one, all else itself. */
static inline bool glob_matches(const char *pattern, const char *name) {
    const char *star = NULL, *retry = NULL; /* behind the last `*`, and what it has not taken yet */
    while (*name != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (*pattern == '?') {
            pattern++;
            name = glob_next(name);
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = retry = glob_next(retry);
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}

#endif
