/* R11: a new thread starts in the view of its creator and is free from then on. */
#include "check.h"

static volatile unsigned char *own;
static long seen, seen_byte, grandchild;

static void *look(void *unused) {
    seen = mmview_current();
    seen_byte = own[0];
    return unused;
}
static void *child(void *view) {
    grandchild = mmview_current();
    mmview_migrate((long)view);
    join(start(look, NULL));
    return NULL;
}

int main(void) {
    own = pages(1);
    own[0] = 1;
    if (mmview_unshare(MEMORY(own), PAGE) != 0) abort();
    long view = mmview_create(), third = mmview_create();
    IN_VIEW(view, own[0] = 2);
    IN_VIEW(third, own[0] = 3);
    join(start(look, NULL));
    EXPECT(seen == 0 && seen_byte == 1, "made in view 0: starts in view 0");
    IN_VIEW(view, join(start(look, NULL)));
    EXPECT(seen == view && seen_byte == 2, "made in view %ld: starts there", view);
    IN_VIEW(view, join(start(child, (void *)third)));
    EXPECT(grandchild == view, "a thread made in view %ld", view);
    EXPECT(seen == third && seen_byte == 3, "which goes to view %ld and makes another: that one starts there", third);
    EXPECT(mmview_current() == 0, "the creator is where it was");
    return failures;
}
