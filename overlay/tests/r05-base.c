/* R5: the base view cannot be deleted (EPERM) until SWITCH_BASE made another one the base. */
#include "check.h"

int main(void) {
    volatile unsigned char *own = pages(1), *common = pages(2);
    own[0] = 1;
    common[0] = 2;
    if (mmview_unshare(MEMORY(own), PAGE) != 0) abort();
    EXPECT(mmview_delete(0) == -EPERM, "view 0 is the base: EPERM");
    long view = mmview_create();
    EXPECT(mmview_delete(0) == -EPERM, "also with another view there");
    mmview_migrate(view);
    own[0] = 3;
    EXPECT(mmview_delete(0) == -EPERM, "also from the other view");
    EXPECT(mmview_switch_base() == view, "SWITCH_BASE returns the caller's view");
    EXPECT(mmview_delete(view) == -EPERM, "which is now the one that cannot be deleted");
    EXPECT(mmview_switch_base() == view, "a second time: nothing changes");
    common[PAGE] = 4;
    IN_VIEW(0, EXPECT(common[0] == 2 && common[PAGE] == 4 && own[0] == 1, "view 0 is as before, and follows"));
    EXPECT(mmview_delete(0) == 0, "and can be deleted");
    EXPECT(mmview_migrate(0) == -EINVAL, "then it is gone");
    EXPECT(own[0] == 3 && common[0] == 2 && common[PAGE] == 4, "the memory is there");
    EXPECT(mmview_unshare(MEMORY(common), PAGE) == 0, "with one view left UNSHARE is possible again");
    long next = mmview_create();
    common[0] = 5;
    own[0] = 6;
    IN_VIEW(next, EXPECT(common[0] == 2 && own[0] == 3, "and works in views made from the new base"));
    void *fresh = MEMORY(pages(1));
    IN_VIEW(next, *(char *)fresh = 7);
    EXPECT(*(char *)fresh == 7, "a mapping made after that is common");

    mmview_migrate(next);
    EXPECT(mmview_delete(next) == 0 && mmview_switch_base() == next, "a thread makes the deleted view it is in the base");
    EXPECT(mmview_migrate(view) == next && mmview_delete(view) == 0, "the former base can be deleted from within");
    EXPECT(own[0] == 6 && *(char *)fresh == 7, "and the thread goes on in it");
    return failures;
}
