/* R6: UNSHARE and SHARE only while there is one view (EPERM); ranges that are empty, unaligned or unmapped are EINVAL. */
#include "check.h"

int main(void) {
    volatile unsigned char *at = pages(8);
    EXPECT(mmview_unshare(MEMORY(at + 1), PAGE) == -EINVAL, "an address inside a page: EINVAL");
    EXPECT(mmview_unshare(MEMORY(at), 0) == -EINVAL, "length 0: EINVAL");
    EXPECT(mmview_unshare((void *)(1L << 60), PAGE) == -EINVAL, "beyond the address space: EINVAL");
    EXPECT(mmview_unshare((void *)-4096L, PAGE) == -EINVAL, "a kernel address: EINVAL");
    volatile unsigned char *hole = at + 4 * PAGE;
    munmap(MEMORY(hole), PAGE);
    EXPECT(mmview_unshare(MEMORY(hole), PAGE) == -EINVAL, "nothing mapped at the address: EINVAL");
    EXPECT(mmview_unshare(MEMORY(at + 2 * PAGE), 1) == 0, "one byte: the whole page");
    EXPECT(mmview_unshare(MEMORY(at + 3 * PAGE), 3 * PAGE) == 0, "a hole inside the range is tolerated");
    EXPECT(mmview_unshare(MEMORY(at + 2 * PAGE), PAGE) == 0, "a range that is private already");
    void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(shared != MAP_FAILED && mmview_unshare(shared, PAGE) == -EACCES, "a MAP_SHARED mapping: EACCES");

    long view = mmview_create();
    EXPECT(mmview_unshare(MEMORY(at), PAGE) == -EPERM, "with two views: EPERM");
    EXPECT(mmview_share(MEMORY(at + 2 * PAGE), PAGE) == -EPERM, "SHARE, too");
    for (int i = 0; i < 8; i++)
        if (i != 4) IN_VIEW(view, at[i * PAGE] = 10 + i);
    EXPECT(at[0] == 10 && at[PAGE] == 11 && at[6 * PAGE] == 16 && at[7 * PAGE] == 17, "what was not named is common");
    EXPECT(at[2 * PAGE] == 0 && at[3 * PAGE] == 0 && at[5 * PAGE] == 0, "what was named is private");
    EXPECT(mmview_delete(view) == 0, "the second view is deleted");
    EXPECT(mmview_share(MEMORY(at + 3 * PAGE), PAGE) == 0, "SHARE of one page");
    EXPECT(mmview_share(MEMORY(at + 3 * PAGE + 1), PAGE) == -EINVAL, "SHARE of an unaligned range: EINVAL");
    view = mmview_create();
    IN_VIEW(view, at[2 * PAGE] = 20; at[3 * PAGE] = 21; at[5 * PAGE] = 22);
    EXPECT(at[3 * PAGE] == 21, "that page is common again");
    EXPECT(at[2 * PAGE] == 0 && at[5 * PAGE] == 0, "its neighbours are not");
    return failures;
}
