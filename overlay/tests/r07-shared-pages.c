/* R7: what one view writes to a shared page all see at once; also on pages that a non-base view touched first. */
#include "check.h"

enum { COUNT = 700 }; /* more than one last-level table */

static volatile unsigned char mapped[PAGE] __attribute__((aligned(PAGE))) = "abc";
static volatile int turn;
static volatile unsigned char *common;

static void *writer(void *view) {
    mmview_migrate((long)view);
    for (int i = 0; i < 100; i++) {
        while (turn % 2 == 0) sched_yield();
        common[0] = (unsigned char)i;
        turn++;
    }
    return NULL;
}

int main(void) {
    volatile unsigned char *own = pages(1);
    common = pages(COUNT);
    common[0] = 1;
    if (mmview_unshare(MEMORY(own), PAGE) != 0) abort();
    long view = mmview_create(), third = mmview_create();
    IN_VIEW(view, EXPECT(common[0] == 1, "a page touched before CREATE is there"));
    IN_VIEW(view, common[0] = 2);
    EXPECT(common[0] == 2, "a write in view %ld shows in view 0", view);
    common[1] = 3;
    IN_VIEW(view, EXPECT(common[1] == 3, "and the other way round"));
    IN_VIEW(view, common[PAGE] = 4);
    EXPECT(common[PAGE] == 4, "a page first written in view %ld", view);
    IN_VIEW(third, EXPECT(common[PAGE] == 4, "shows in a third view as well"));
    unsigned sum = 0;
    IN_VIEW(view, sum += common[2 * PAGE]); /* read: a zero page there */
    common[2 * PAGE] = 5;
    IN_VIEW(view, EXPECT(sum == 0 && common[2 * PAGE] == 5, "a page first read in view %ld, then written in view 0", view));
    IN_VIEW(third, sum += common[3 * PAGE]);
    IN_VIEW(view, common[3 * PAGE] = 6);
    EXPECT(sum == 0 && common[3 * PAGE] == 6, "read in view %ld, written in view %ld, read in view 0", third, view);
    for (int i = 4; i < COUNT; i++)
        IN_VIEW(i % 3 == 0 ? view : i % 3 == 1 ? third : 0, common[(size_t)i * PAGE] = (unsigned char)i);
    int right = 1;
    for (int i = 4; i < COUNT; i++) right = right && common[(size_t)i * PAGE] == (unsigned char)i;
    EXPECT(right, "%d pages first written in three views in turn", COUNT);

    /* Copy-on-write: a page of the executable, which all views have read before one writes. */
    unsigned before = mapped[0];
    IN_VIEW(view, before += mapped[0]);
    IN_VIEW(third, before += mapped[0]);
    IN_VIEW(view, mapped[0] = 'x');
    EXPECT(before == 3 * 'a' && mapped[0] == 'x', "a copy made on a write in view %ld is the page of all views", view);
    IN_VIEW(third, EXPECT(mapped[0] == 'x' && mapped[1] == 'b', "also in view %ld", third));

    /* Two threads in two views that hand a shared page to and fro. */
    pthread_t thread = start(writer, (void *)view);
    int wrong = 0;
    for (int i = 0; i < 100; i++) {
        turn++;
        while (turn % 2 == 1) sched_yield();
        wrong += common[0] != (unsigned char)i;
    }
    join(thread);
    EXPECT(wrong == 0, "100 writes by a thread in view %ld are seen at once by one in view 0 (%d were not)", view, wrong);
    return failures;
}
