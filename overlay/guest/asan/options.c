/* MELF_ASAN_OPTIONS="name=value:name=value", read once, without allocating. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

static struct options options = {
    .halt_on_error = true,
    .exit_code = 1,
    .most_reports = 1000,
    .depth = ALLOC_FRAMES,
    .plain_depth = 1,
    .quarantine_bytes = 4 << 20,
};

static bool option(const char *text, const char *name, unsigned long *value) {
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] != '=') return false;
    *value = strtoul(text + length + 1, NULL, 0);
    return true;
}

static void read_options(void) {
    const char *text = getenv("MELF_ASAN_OPTIONS");
    while (text != NULL && *text != '\0') {
        unsigned long value;
        if (option(text, "halt_on_error", &value)) options.halt_on_error = value != 0;
        if (option(text, "exitcode", &value)) options.exit_code = (int)value;
        if (option(text, "max_reports", &value)) options.most_reports = (unsigned)value;
        if (option(text, "stack_depth", &value)) options.depth = value > ALLOC_FRAMES ? ALLOC_FRAMES : (unsigned)value;
        if (option(text, "plain_stack_depth", &value))
            options.plain_depth = value > ALLOC_FRAMES ? ALLOC_FRAMES : (unsigned)value;
        if (option(text, "quarantine_kb", &value)) options.quarantine_bytes = (size_t)value << 10;
        text = strchr(text, ':');
        if (text != NULL) text++;
    }
}
