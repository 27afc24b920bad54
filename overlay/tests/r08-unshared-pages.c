/* R8: what a view writes to an unshared page nobody else sees; the first write copies the page. */
#include "check.h"

static int value = 1; /* in .data: a page of the executable, copied when written */

int main(void) {
    volatile unsigned char *own = pages(4);
    own[0] = 1;
    own[PAGE] = 2;
    if (mmview_unshare(MEMORY(own), 3 * PAGE) != 0) abort();
    void *data = (void *)((uintptr_t)&value & -(uintptr_t)PAGE);
    EXPECT(mmview_unshare(data, PAGE) == 0, "a page of the program's data can be private, too");
    long view = mmview_create(), third = mmview_create();
    own[0] = 10;
    IN_VIEW(view, EXPECT(own[0] == 1, "written in view 0 after CREATE: view %ld keeps what was there", view); own[0] = 11);
    IN_VIEW(third, EXPECT(own[0] == 1, "view %ld as well", third); own[0] = 12);
    EXPECT(own[0] == 10, "view 0 has its own");
    IN_VIEW(view, EXPECT(own[0] == 11, "so has view %ld", view));
    IN_VIEW(third, EXPECT(own[0] == 12, "and view %ld", third));
    IN_VIEW(view, own[PAGE + 1] = 20);
    EXPECT(own[PAGE] == 2 && own[PAGE + 1] == 0, "a write in view %ld does not show in view 0", view);
    IN_VIEW(view, EXPECT(own[PAGE] == 2 && own[PAGE + 1] == 20, "the copy has the rest of the page"));
    IN_VIEW(third, own[2 * PAGE] = 30);
    EXPECT(own[2 * PAGE] == 0, "a page that nobody had touched before: private as well");
    own[2 * PAGE] = 31;
    IN_VIEW(third, EXPECT(own[2 * PAGE] == 30, "in both directions"));
    IN_VIEW(view, EXPECT(own[2 * PAGE] == 0, "and for those who never wrote"));
    IN_VIEW(view, own[3 * PAGE] = 40);
    EXPECT(own[3 * PAGE] == 40, "the page after the range is common");
    volatile int *data_value = &value;
    IN_VIEW(view, *data_value = 7);
    EXPECT(*data_value == 1, "the program's data: a write in view %ld does not show in view 0", view);
    IN_VIEW(view, EXPECT(*data_value == 7, "but there"));
    return failures;
}
