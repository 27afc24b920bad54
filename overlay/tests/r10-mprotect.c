/* R10: mprotect concerns all views in a shared range, the caller's view in an unshared one; a mix is EACCES and changes nothing. */
#include "check.h"

int main(void) {
    volatile unsigned char *at = pages(7); /* 0 and 1 common, 2 and 3 private, then a hole and a common one */
    munmap(MEMORY(at + 4 * PAGE), 2 * PAGE);
    for (int i = 0; i < 4; i++) at[i * PAGE] = 1;
    if (mmview_unshare(MEMORY(at + 2 * PAGE), 2 * PAGE) != 0) abort();
    long view = mmview_create(), third = mmview_create();

    IN_VIEW(view, EXPECT(mprotect(MEMORY(at), PAGE, PROT_READ) == 0, "a common page is made read-only in view %ld", view));
    EXPECT(!writable(at), "it is read-only in view 0");
    IN_VIEW(third, EXPECT(!writable(at) && readable(at), "and in view %ld", third));
    EXPECT(mprotect(MEMORY(at), PAGE, PROT_READ | PROT_WRITE) == 0, "writable again in view 0");
    IN_VIEW(view, at[0] = 2);
    EXPECT(at[0] == 2, "so view %ld can write", view);

    volatile unsigned char *own = at + 2 * PAGE;
    IN_VIEW(view, EXPECT(mprotect(MEMORY(own), PAGE, PROT_READ) == 0, "a private page is made read-only in view %ld", view));
    EXPECT(writable(own), "it stays writable in view 0");
    IN_VIEW(view, EXPECT(!writable(own), "but not there"));
    IN_VIEW(third, EXPECT(writable(own), "and stays so in view %ld", third));
    EXPECT(mprotect(MEMORY(own), PAGE, PROT_NONE) == 0 && !readable(own), "no access in view 0");
    IN_VIEW(view, EXPECT(readable(own), "view %ld can read it", view));
    IN_VIEW(third, own[0] = 3; EXPECT(own[0] == 3, "view %ld can write it", third));
    long fourth;
    IN_VIEW(view, fourth = mmview_create());
    IN_VIEW(fourth, EXPECT(readable(own) && !writable(own), "a view made in view %ld has its rights", view));
    EXPECT(mprotect(MEMORY(own), PAGE, PROT_READ | PROT_WRITE) == 0 && own[0] == 1, "back in view 0, the content is there");

    errno = 0;
    EXPECT(mprotect(MEMORY(at + PAGE), 2 * PAGE, PROT_READ) == -1 && errno == EACCES, "common and private pages in one call: EACCES");
    EXPECT(writable(at + PAGE) && writable(own), "and nothing has changed");
    /* Before a hole: done, then ENOMEM; but for the mix, which comes first. */
    volatile unsigned char *gap = pages(5);
    munmap(MEMORY(gap + 2 * PAGE), PAGE);
    IN_VIEW(view, EXPECT(mprotect(MEMORY(gap), 5 * PAGE, PROT_READ) == -1 && errno == ENOMEM, "up to a hole and on: ENOMEM"));
    EXPECT(!writable(gap) && !writable(gap + PAGE), "what lies before the hole has changed, in view 0, too");
    EXPECT(writable(gap + 3 * PAGE) && writable(gap + 4 * PAGE), "what lies behind it has not");
    IN_VIEW(view, EXPECT(mprotect(MEMORY(own), 5 * PAGE, PROT_NONE) == -1 && errno == EACCES && readable(own) && readable(at + 6 * PAGE),
                         "private and common pages, and a hole between them: EACCES, and nothing has changed"));
    IN_VIEW(view, EXPECT(mprotect(MEMORY(own), 4 * PAGE, PROT_NONE) == -1 && errno == ENOMEM && !readable(own) && !readable(own + PAGE),
                         "private pages and a hole: ENOMEM, and they have changed"));
    EXPECT(writable(own) && writable(own + PAGE), "for view %ld alone", view);
    IN_VIEW(view, mprotect(MEMORY(own), 2 * PAGE, PROT_READ | PROT_WRITE));
    munmap(MEMORY(at), PAGE);
    EXPECT(mprotect(MEMORY(at), 2 * PAGE, PROT_READ) == -1 && errno == ENOMEM, "a hole: ENOMEM, as ever");

    /* A view with its own code: the way to a variant. */
    static const unsigned char x86_64_return_7[] = {0xb8, 7, 0, 0, 0, 0xc3}, x86_64_return_9[] = {0xb8, 9, 0, 0, 0, 0xc3};
    static const unsigned char aarch64_return_7[] = {0xe0, 0, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6},
                               aarch64_return_9[] = {0x20, 1, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6};
#ifdef __x86_64__
    const unsigned char *seven = x86_64_return_7, *nine = x86_64_return_9;
    size_t length = sizeof x86_64_return_7;
    (void)aarch64_return_7, (void)aarch64_return_9;
#else
    const unsigned char *seven = aarch64_return_7, *nine = aarch64_return_9;
    size_t length = sizeof aarch64_return_7;
    (void)x86_64_return_7, (void)x86_64_return_9;
#endif
    int (*code)(void) = (int (*)(void))MEMORY(own + PAGE);
    memcpy(MEMORY(own + PAGE), seven, length);
    __builtin___clear_cache(MEMORY(own + PAGE), MEMORY(own + 2 * PAGE));
    mprotect(MEMORY(own + PAGE), PAGE, PROT_READ | PROT_EXEC);
    IN_VIEW(view, memcpy(MEMORY(own + PAGE), nine, length); __builtin___clear_cache(MEMORY(own + PAGE), MEMORY(own + 2 * PAGE));
            mprotect(MEMORY(own + PAGE), PAGE, PROT_READ | PROT_EXEC));
    int here = 0, there = 0;
    for (int i = 0; i < 100; i++) {
        here += code();
        IN_VIEW(view, there += code());
    }
    EXPECT(here == 700 && there == 900, "one function, two codes: 7 in view 0, 9 in view %ld, 100 times in turn", view);
    return failures;
}
