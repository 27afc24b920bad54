/* R3: MIGRATE returns the view that was left; ids that are unknown or deleted are EINVAL. It concerns the caller alone. */
#include "check.h"

static pthread_barrier_t meet;
static long seen;

static void *other(void *unused) {
    pthread_barrier_wait(&meet); /* main has migrated */
    seen = mmview_current();
    return unused;
}

int main(void) {
    long view = mmview_create();
    EXPECT(mmview_migrate(0) == 0, "to the view one is in: allowed, returns it");
    EXPECT(mmview_migrate(view) == 0, "from 0 to %ld: returns 0", view);
    EXPECT(mmview_current() == view, "now in view %ld", view);
    EXPECT(mmview_migrate(view) == view, "again: returns %ld", view);
    EXPECT(mmview_migrate(0) == view, "back: returns %ld", view);
    EXPECT(mmview_migrate(view + 1) == -EINVAL, "an id that does not exist yet: EINVAL");
    EXPECT(mmview_migrate(-1) == -EINVAL, "a negative id: EINVAL");
    EXPECT(mmview_migrate(1L << 40) == -EINVAL, "a huge id: EINVAL");
    EXPECT(mmview_delete(view) == 0 && mmview_migrate(view) == -EINVAL, "a deleted id: EINVAL");
    EXPECT(mmview_current() == 0, "none of these moved the caller");
    EXPECT(raw(syscall(1000, 7L)) == -EINVAL && raw(syscall(1000, -1L)) == -EINVAL, "operations that do not exist: EINVAL");

    long next = mmview_create();
    pthread_barrier_init(&meet, NULL, 2);
    pthread_t thread = start(other, NULL);
    mmview_migrate(next);
    pthread_barrier_wait(&meet);
    join(thread);
    EXPECT(seen == 0, "the other thread stayed in view 0");
    EXPECT(mmview_current() == next, "the caller is in view %ld", next);
    return failures;
}
