/* R2: ids grow and are never reused. */
#include "check.h"

int main(void) {
    long previous = 0;
    int grows = 1;
    for (int i = 0; i < 50; i++) {
        long id = mmview_create();
        grows = grows && id > previous;
        previous = id;
        if (i % 3 != 1 && mmview_delete(id) != 0) abort();
    }
    EXPECT(grows, "each of 50 ids is above all before it, although most were deleted at once (last: %ld)", previous);
    EXPECT(mmview_delete(previous) == 0, "the last one can be deleted");
    long after = mmview_create();
    EXPECT(after > previous, "and its id does not come again (%ld)", after);
    return failures;
}
