/*
 * R9: mremap of shared ranges is seen in all views. What is unshared stays so when it is moved, and other views lose what is cut off; while there is
 * more than one view it neither grows nor moves, as UNSHARE makes nothing private then.
 */
#include "check.h"

static volatile unsigned char *moved(volatile unsigned char *from, size_t old_pages, size_t new_pages, int flags) {
    void *to = mremap(MEMORY(from), old_pages * PAGE, new_pages * PAGE, flags);
    return to == MAP_FAILED ? NULL : to;
}

int main(void) {
    /* Shared: in another view, to another place. */
    volatile unsigned char *common = pages(4), *own = pages(4);
    common[0] = 1;
    common[3 * PAGE] = 4;
    own[0] = 1;
    own[PAGE] = 2;
    EXPECT(mmview_unshare(MEMORY(own), 4 * PAGE) == 0, "a range is unshared");

    /* With one view it moves and stays unshared. */
    volatile unsigned char *place = pages(16);
    munmap(MEMORY(place), 16 * PAGE);
    void *there = mremap(MEMORY(own), 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MEMORY(place));
    EXPECT(there == MEMORY(place), "it is moved to where it is wanted, and larger");
    EXPECT(!readable(own), "nothing is left where it was");
    own = place;
    EXPECT(own[0] == 1 && own[PAGE] == 2 && own[5 * PAGE] == 0, "its pages came along");

    long view = mmview_create();
    IN_VIEW(view, own[0] = 11; own[5 * PAGE] = 15);
    EXPECT(own[0] == 1 && own[5 * PAGE] == 0, "each view has its own, also of what was added");
    errno = 0;
    EXPECT(moved(own, 6, 8, MREMAP_MAYMOVE) == NULL && errno == EINVAL, "with two views it does not grow");
    EXPECT(mremap(MEMORY(own), 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MEMORY(own + 64 * PAGE)) == MAP_FAILED, "nor move");
    EXPECT(moved(own, 6, 5, 0) == own, "it shrinks");
    IN_VIEW(view, EXPECT(own[0] == 11 && !readable(own + 5 * PAGE), "in all views"));

    IN_VIEW(view, volatile unsigned char *to = moved(common, 4, 40, MREMAP_MAYMOVE); EXPECT(to != NULL, "a shared range grows");
            EXPECT(to[0] == 1 && to[3 * PAGE] == 4 && to[39 * PAGE] == 0, "with its pages"); to[39 * PAGE] = 9; common = to);
    EXPECT(common[0] == 1 && common[39 * PAGE] == 9, "and is where it is in all views");
    EXPECT(moved(common, 40, 2, 0) == common, "it is cut off in one view");
    IN_VIEW(view, EXPECT(!readable(common + 2 * PAGE) && readable(common + PAGE), "and in the other"));

    EXPECT(mmview_delete(view) == 0 && moved(own, 5, 7, MREMAP_MAYMOVE) != NULL, "with one view it grows again");
    return failures;
}
