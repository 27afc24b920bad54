/* R1: CREATE duplicates the caller's view, its private pages included, and leaves the caller where it is. */
#include "check.h"

/* A view made in one where a page is read-only has it read-only. */
static int rights_are_copied(volatile unsigned char *page, long view) {
    long made;
    int there, here;
    IN_VIEW(view, mprotect(MEMORY(page), PAGE, PROT_READ); made = mmview_create());
    IN_VIEW(made, there = writable(page));
    here = writable(page);
    return !there && here;
}

int main(void) {
    volatile unsigned char *own = pages(3);
    own[0] = 10;
    EXPECT(mmview_unshare(MEMORY(own), 2 * PAGE) == 0, "two pages become private per view");
    long first = mmview_create();
    EXPECT(first > 0, "CREATE gives a positive id (%ld)", first);
    EXPECT(mmview_current() == 0, "the caller stays in view 0");
    IN_VIEW(first, own[0] = 11; own[PAGE] = 12);
    long second;
    IN_VIEW(first, second = mmview_create());
    EXPECT(own[0] == 10 && own[PAGE] == 0, "view 0 keeps its own pages");
    IN_VIEW(second, EXPECT(own[0] == 11 && own[PAGE] == 12, "a view made in view %ld has that view's pages", first));
    IN_VIEW(second, own[0] = 13);
    IN_VIEW(first, EXPECT(own[0] == 11, "and is a copy: writing there changes nothing in view %ld", first));
    IN_VIEW(first, own[PAGE] = 14);
    IN_VIEW(second, EXPECT(own[PAGE] == 12, "neither does writing in view %ld change the copy", first));
    EXPECT(rights_are_copied(own, first), "rights are copied, too");
    return failures;
}
