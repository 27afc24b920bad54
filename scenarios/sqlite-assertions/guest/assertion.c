/*
 * What a failed assertion of SQLite calls (see shim/assert.h). Common code. Writes one line on stderr:
 *   assertion <thread> <variant> <file>:<line> <return addresses, hex, innermost first, with commas> <expression>
 * and aborts, as C says; with MELF_ASSERT=report the program goes on, as it would have without the assertion.
 *
 * The stack is walked by frame pointers: SQLite's variants and the programs here are compiled with them, and both ISAs keep the
 * caller's frame pointer and the return address beside each other at the frame pointer (x86-64 psABI 3.2.2, AAPCS64 6.4.6).
 */
#include "assertion.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "melf.h"

_Thread_local int assertion_thread;

enum { MOST_FRAMES = 40, LARGEST_STACK = 1 << 20 };

struct frame {
    struct frame *caller;
    uintptr_t return_address;
};

static size_t append_stack(char *text, size_t room, const struct frame *frame) {
    size_t used = 0;
    for (int depth = 0; depth < MOST_FRAMES && used + 20 < room; depth++) {
        if (frame->return_address == 0) break;
        const char *comma = depth == 0 ? "" : ",";
        used += (size_t)snprintf(text + used, room - used, "%s%lx", comma, (unsigned long)frame->return_address);
        uintptr_t here = (uintptr_t)frame, next = (uintptr_t)frame->caller;
        /* The thread's first frame has no caller, or what was in the register when the thread began. */
        if (next % sizeof(void *) != 0 || next <= here || next - here > LARGEST_STACK) break;
        frame = frame->caller;
    }
    return used;
}

void melf_assertion_failed(const char *expression, const char *file, int line) {
    char text[2048];
    const char *name = strrchr(file, '/');
    const char *variant = melf_variant_name(melf_current());
    size_t used = (size_t)snprintf(text, sizeof text, "assertion %d %s %s:%d ", assertion_thread, variant,
                                   name == NULL ? file : name + 1, line);
    used += append_stack(text + used, sizeof text / 2, __builtin_frame_address(0));
    int rest = snprintf(text + used, sizeof text - used, " %s\n", expression);
    used = rest < 0 || (size_t)rest >= sizeof text - used ? sizeof text - 1 : used + (size_t)rest;
    text[used - 1] = '\n';
    ssize_t put = write(STDERR_FILENO, text, used);
    const char *wish = getenv("MELF_ASSERT");
    if (put < 0 || wish == NULL || strcmp(wish, "report") != 0) abort();
}
