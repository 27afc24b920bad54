/* R8: a stack that is unshared grows for all views, and what is added is each view's own, whichever touches it first. */
#include "check.h"

enum { STEP = 16 * PAGE };

struct range {
    uintptr_t start, end;
};

/* A mapping, as /proc/self/maps has it in the caller's view. */
static struct range mapping(const char *name) {
    static char text[1 << 14];
    struct range found = {0, 0};
    size_t size = 0;
    int file = open("/proc/self/maps", O_RDONLY);
    for (ssize_t got; (got = read(file, text + size, sizeof text - 1 - size)) > 0;) size += (size_t)got;
    close(file);
    text[size] = '\0';
    char *at = strstr(text, name);
    if (at == NULL) return found;
    while (at > text && at[-1] != '\n') at--;
    found.start = strtoul(at, &at, 16);
    found.end = strtoul(at + 1, NULL, 16);
    return found;
}

/* Its own stack is not the one that is unshared. */
static void *check_all(void *unused) {
    (void)unused;
    struct range stack = mapping("[stack]");
    EXPECT(mmview_unshare((void *)stack.start, stack.end - stack.start) == 0, "the stack is unshared");
    volatile unsigned char *deep = (void *)(stack.start - (1 << 20));
    deep[0] = 7;
    long view = mmview_create(), third = mmview_create();
    IN_VIEW(view, EXPECT(deep[0] == 7, "grown before CREATE: view %ld has the page", view); deep[0] = 9);
    EXPECT(deep[0] == 7, "and a copy of it when it writes");
    IN_VIEW(third, EXPECT(deep[0] == 7, "as view %ld has", third));

    /* While there are several views: touched first in one that is not the base. */
    deep -= STEP;
    IN_VIEW(view, deep[0] = 20);
    EXPECT(mapping("[stack]").start == (uintptr_t)deep, "grown in view %ld: grown in view 0", view);
    EXPECT(readable(deep) && deep[0] == 0, "where the page is another one");
    IN_VIEW(third, EXPECT(deep[0] == 0, "and in view %ld", third); deep[0] = 22);
    deep[0] = 21;
    long fourth;
    IN_VIEW(view, EXPECT(deep[0] == 20, "nobody else wrote there"); fourth = mmview_create());
    IN_VIEW(fourth, EXPECT(deep[0] == 20, "a view made in view %ld has what view %ld has", view, view); deep[0] = 23);
    IN_VIEW(view, EXPECT(deep[0] == 20, "and writes into a copy"); deep[0] = 24);
    IN_VIEW(fourth, EXPECT(deep[0] == 23, "in both directions"));
    EXPECT(deep[0] == 21, "view 0 keeps its page");
    IN_VIEW(third, EXPECT(deep[0] == 22, "so does view %ld", third));

    /* By the kernel, and with the rights that each view has in the page above. */
    IN_VIEW(view, mprotect(MEMORY(deep), PAGE, PROT_READ));
    deep -= PAGE;
    IN_VIEW(view, EXPECT(readable(deep) && !writable(deep), "what is added may be used as the page above"));
    EXPECT(writable(deep), "in each view");
    deep[0] = 31;
    IN_VIEW(third, EXPECT(writable(deep) && deep[0] == 0, "by the kernel, too"));
    EXPECT(mprotect(MEMORY(deep), 2 * PAGE, PROT_READ) == 0, "it is unshared as the page above: mprotect takes both");
    IN_VIEW(third, EXPECT(writable(deep), "and concerns the caller's view alone"));
    for (long one = fourth; one >= view; one--) EXPECT(mmview_delete(one) == 0, "view %ld is deleted", one);

    /* Common again: common from there on. */
    stack = mapping("[stack]");
    EXPECT(mmview_share(MEMORY(deep), stack.end - (uintptr_t)deep) == 0, "the stack is shared");
    mprotect(MEMORY(deep), 2 * PAGE, PROT_READ | PROT_WRITE);
    view = mmview_create();
    deep -= STEP;
    IN_VIEW(view, deep[0] = 40);
    EXPECT(deep[0] == 40, "grown while it is shared: common");
    return NULL;
}

int main(void) {
    join(start(check_all, NULL));
    return failures;
}
