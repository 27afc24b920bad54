/* MELF_ASAN_OPTIONS="name=value:name=value", read once, without allocating. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void tell(const char *text, size_t length) {
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written; /* there is nobody else to tell */
}

/* A slip of the pen would end the program where it should go on, say. */
static void tell_unknown(const char *text) {
    static const char before[] = "melf-asan: MELF_ASAN_OPTIONS has an option that is not known: ";
    tell(before, sizeof before - 1);
    tell(text, strcspn(text, ":"));
    tell("\n", 1);
}

static void read_options(void) {
    const char *text = getenv("MELF_ASAN_OPTIONS");
    while (text != NULL && *text != '\0') {
        unsigned long value;
        if (option(text, "halt_on_error", &value)) options.halt_on_error = value != 0;
        else if (option(text, "exitcode", &value)) options.exit_code = (int)value;
        else if (option(text, "max_reports", &value)) options.most_reports = (unsigned)value;
        else if (option(text, "stack_depth", &value)) options.depth = value > ALLOC_FRAMES ? ALLOC_FRAMES : (unsigned)value;
        else if (option(text, "plain_stack_depth", &value))
            options.plain_depth = value > ALLOC_FRAMES ? ALLOC_FRAMES : (unsigned)value;
        else if (option(text, "quarantine_kb", &value)) options.quarantine_bytes = (size_t)value << 10;
        else if (*text != ':') tell_unknown(text);
        text = strchr(text, ':');
        if (text != NULL) text++;
    }
}
