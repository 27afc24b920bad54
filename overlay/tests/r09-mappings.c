/* R9: mmap, munmap, mremap, brk and madvise in one view are there in all (mlock: r09-mlock.c). */
#include "check.h"

int main(void) {
    volatile unsigned char *own = pages(3); /* the last one is common */
    if (mmview_unshare(MEMORY(own), 2 * PAGE) != 0) abort();
    long view = mmview_create(), third = mmview_create();

    volatile unsigned char *made;
    IN_VIEW(view, made = pages(4); made[0] = 1);
    EXPECT(made[0] == 1, "mapped and written in view %ld, read in view 0", view);
    made[PAGE] = 2;
    IN_VIEW(third, EXPECT(made[0] == 1 && made[PAGE] == 2, "and in view %ld", third));

    IN_VIEW(third, munmap(MEMORY(made), PAGE));
    EXPECT(!readable(made) && readable(made + PAGE), "unmapped in view %ld: gone in view 0", third);
    IN_VIEW(view, EXPECT(!readable(made), "and in view %ld", view));

    volatile unsigned char *moved;
    IN_VIEW(view, moved = mremap(MEMORY(made + PAGE), PAGE, 16 * PAGE, MREMAP_MAYMOVE));
    EXPECT(moved[0] == 2, "moved in view %ld: at its new place in view 0", view);
    EXPECT(moved == made + PAGE || !readable(made + PAGE), "and gone from the old one");
    moved[15 * PAGE] = 3;
    IN_VIEW(third, EXPECT(moved[15 * PAGE] == 3, "with its new length in view %ld", third));
    IN_VIEW(third, mremap(MEMORY(moved), 16 * PAGE, PAGE, 0));
    EXPECT(!readable(moved + PAGE), "shortened in view %ld: shorter in view 0", third);

    unsigned char *old, *grown;
    IN_VIEW(view, old = (void *)syscall(SYS_brk, 0L); grown = (void *)syscall(SYS_brk, old + 3 * PAGE); old[2 * PAGE] = 4);
    EXPECT(grown == old + 3 * PAGE && old[2 * PAGE] == 4, "the heap grown in view %ld is there in view 0", view);
    EXPECT((unsigned char *)syscall(SYS_brk, 0L) == grown, "and so is the break");
    syscall(SYS_brk, old);
    IN_VIEW(view, EXPECT(!readable(old + 2 * PAGE), "shrunk in view 0: gone in view %ld", view));

    volatile unsigned char *some = pages(3);
    some[0] = 5;
    IN_VIEW(third, madvise(MEMORY(some), PAGE, MADV_DONTNEED));
    EXPECT(some[0] == 0, "discarded in view %ld: zero in view 0", third);

    /* Of what a view has for itself it throws away its own. */
    own[0] = 1;
    own[PAGE] = 2;
    some[PAGE] = 3;
    IN_VIEW(view, own[0] = 11; own[PAGE] = 12; EXPECT(madvise(MEMORY(own), PAGE, MADV_DONTNEED) == 0 && own[0] == 0,
                                                      "a private page discarded in view %ld: zero there", view));
    EXPECT(own[0] == 1 && own[PAGE] == 2, "view 0 keeps its page");
    IN_VIEW(third, EXPECT(own[0] == 0 && own[PAGE] == 0, "view %ld has what it had", third));
    IN_VIEW(view, EXPECT(own[PAGE] == 12, "and the page beside it is still there"));
    EXPECT(madvise(MEMORY(own), 2 * PAGE, MADV_FREE) == 0, "MADV_FREE in view 0");
    IN_VIEW(view, EXPECT(own[PAGE] == 12, "concerns view 0, too"); own[0] = 13);
    own[0] = 14;
    long fourth = mmview_create();
    IN_VIEW(fourth, EXPECT(madvise(MEMORY(own), PAGE, MADV_DONTNEED) == 0 && own[0] == 0, "discarded in the view made last"));
    EXPECT(own[0] == 14, "the view that it was made from keeps the page that they shared");
    mmview_delete(fourth);

    /* Both kinds in one call. */
    own[2 * PAGE] = 4;
    IN_VIEW(view, own[PAGE] = 15; EXPECT(madvise(MEMORY(own + PAGE), 2 * PAGE, MADV_DONTNEED) == 0 && own[PAGE] == 0,
                                         "common and private pages in one call"));
    EXPECT(own[2 * PAGE] == 0, "the common one is zero in view 0");
    own[PAGE] = 5;
    IN_VIEW(view, EXPECT(own[PAGE] == 0, "the private one is view %ld's as before", view));

    void *fixed;
    IN_VIEW(view, fixed = mmap(MEMORY(some), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    IN_VIEW(view, some[0] = 6);
    EXPECT(fixed == some && some[0] == 6, "replaced in view %ld: replaced in view 0", view);

    /* Over an unshared range: what comes in its place is shared, as every new mapping. */
    own[0] = 7;
    IN_VIEW(view, own[0] = 8);
    IN_VIEW(view, fixed = mmap(MEMORY(own), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    EXPECT(fixed == own && own[0] == 0, "a mapping in the place of a private page: fresh in view 0, too");
    own[0] = 9;
    IN_VIEW(view, EXPECT(own[0] == 9, "and common"));
    IN_VIEW(third, munmap(MEMORY(own + PAGE), PAGE));
    EXPECT(!readable(own + PAGE), "a private page unmapped in view %ld is gone in all", third);
    return failures;
}
