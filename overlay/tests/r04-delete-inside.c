/* R4: DELETE of a view in which a thread runs takes its id at once; the thread goes on there, and the memory goes when it leaves. */
#include "check.h"

static volatile unsigned char *own;
static long view;
static pthread_barrier_t meet;
static int ends_inside;

static void *inside(void *unused) {
    mmview_migrate(view);
    own[0] = 42;
    pthread_barrier_wait(&meet); /* is inside */
    pthread_barrier_wait(&meet); /* the view has been deleted */
    EXPECT(mmview_current() == view, "the thread inside is still in view %ld", view);
    EXPECT(own[0] == 42, "and sees that view's pages");
    own[PAGE] = 43; /* a page not touched before */
    EXPECT(own[PAGE] == 43, "and can touch new ones");
    if (ends_inside) return unused;
    EXPECT(mmview_migrate(0) == view, "it can leave");
    EXPECT(own[0] == 1, "and then sees the view it went to");
    EXPECT(mmview_migrate(view) == -EINVAL, "but not come back");
    return unused;
}

int main(void) {
    own = pages(2);
    own[0] = 1;
    if (mmview_unshare(MEMORY(own), 2 * PAGE) != 0) abort();
    pthread_barrier_init(&meet, NULL, 2);
    for (ends_inside = 0; ends_inside < 2; ends_inside++) {
        view = mmview_create();
        pthread_t thread = start(inside, NULL);
        pthread_barrier_wait(&meet);
        EXPECT(mmview_delete(view) == 0, "DELETE with a thread inside");
        EXPECT(mmview_delete(view) == -EINVAL, "a second time: EINVAL, the id is gone");
        EXPECT(mmview_migrate(view) == -EINVAL, "nobody can enter any more");
        EXPECT(mmview_unshare(MEMORY(own), PAGE) == -EPERM, "while it is used it counts as a view: UNSHARE is EPERM");
        pthread_barrier_wait(&meet);
        join(thread);
        EXPECT(own[0] == 1 && own[PAGE] == 0, "view 0 is as before");
        EXPECT(mmview_unshare(MEMORY(own), PAGE) == 0, "the thread %s: the view is gone, UNSHARE is possible",
               ends_inside ? "ended in it" : "left");
    }

    long self = mmview_create();
    mmview_migrate(self);
    EXPECT(mmview_delete(self) == 0, "a thread can delete the view it is in");
    own[0] = 2;
    EXPECT(own[0] == 2 && mmview_current() == self, "and goes on there");
    long child = mmview_create();
    EXPECT(child > self, "and can duplicate it");
    EXPECT(mmview_migrate(child) == self && own[0] == 2, "the duplicate has its pages");
    mmview_migrate(0);
    EXPECT(own[0] == 1, "view 0 is as before");
    return failures;
}
