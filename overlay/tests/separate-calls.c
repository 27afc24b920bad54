/* The interface of 2020/21: system calls 1000 to 1003. With -DBASE the one that followed (set_shared, a negative id at DELETE). */
#include "check.h"

#ifdef BASE
static long make_private(void *at, size_t bytes) { return raw(syscall(1002, at, bytes, 0L)); }
#else
static long make_private(void *at, size_t bytes) { return raw(syscall(1002, at, bytes)); }
#endif
static long create(void) { return raw(syscall(1000)); }
static long migrate(long id) { return raw(syscall(1001, id)); }
static long delete(long id) { return raw(syscall(1003, id)); }

int main(void) {
    volatile unsigned char *own = pages(1);
    own[0] = 1;
    EXPECT(migrate(-1) == 0, "migrate(-1) tells the current view");
    EXPECT(make_private(MEMORY(own), PAGE) == 0, "1002 makes a range private");
    long view = create();
    EXPECT(view == 1, "1000 creates view 1");
    EXPECT(migrate(view) == 0 && migrate(-1) == view, "1001 enters it and returns the one left");
    own[0] = 2;
    EXPECT(migrate(0) == view && own[0] == 1, "back: view 0 has its own page");
    EXPECT(make_private(MEMORY(own), PAGE) == -EPERM, "1002 with two views: EPERM");
    EXPECT(delete(0) == -EINVAL, "the base cannot be deleted: EINVAL then");
    EXPECT(delete(99) == -EINVAL, "nor one that is not there");
#ifdef BASE
    migrate(view);
    EXPECT(delete(-1) == 0, "1003 with a negative id makes the current view the base");
    EXPECT(delete(view) == -EINVAL && delete(0) == 0, "so that view 0 can go");
    EXPECT(own[0] == 2, "and the memory is there");
    EXPECT(raw(syscall(1002, own, PAGE, 1L)) == 0, "1002 with true makes the range common again");
    long next = create();
    migrate(next);
    own[0] = 3;
    migrate(view);
    EXPECT(own[0] == 3, "it is");
#else
    EXPECT(delete(-1) == -EINVAL, "1003 with a negative id: EINVAL");
    EXPECT(delete(view) == 0 && migrate(view) == -EINVAL, "1003 deletes view 1");
    EXPECT(make_private(MEMORY(own), PAGE) == 0, "then there is one view again");
#endif
    return failures;
}
