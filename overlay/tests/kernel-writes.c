/* What the kernel writes into a thread's memory, and reads from it, is that of the thread's view. */
#include <time.h>

#include "check.h"

static volatile unsigned char *own;
static int ends[2];

static void *reader(void *view) {
    mmview_migrate((long)view);
    read(ends[0], MEMORY(own), 4); /* waits */
    return NULL;
}

int main(void) {
    own = pages(2);
    volatile unsigned char *common = pages(2);
    if (mmview_unshare(MEMORY(own), 2 * PAGE) != 0) abort();
    long view = mmview_create();
    if (pipe(ends) != 0) abort();

    write(ends[1], "abcd", 4);
    IN_VIEW(view, EXPECT(read(ends[0], MEMORY(own), 4) == 4, "read into a private page of view %ld", view));
    EXPECT(own[0] == 0, "view 0 has nothing of it");
    IN_VIEW(view, EXPECT(memcmp(MEMORY(own), "abcd", 4) == 0, "view %ld has it", view));
    write(ends[1], "efgh", 4);
    IN_VIEW(view, read(ends[0], MEMORY(common), 4));
    EXPECT(memcmp(MEMORY(common), "efgh", 4) == 0, "read into a shared page: all have it");

    pthread_t thread = start(reader, (void *)view);
    struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
    write(ends[1], "ijkl", 4); /* by a thread in view 0, for one that waits in the other */
    join(thread);
    EXPECT(own[0] == 0, "a read that waited writes where its thread is, not where the data came from");
    IN_VIEW(view, EXPECT(memcmp(MEMORY(own), "ijkl", 4) == 0, "that is view %ld", view));

    own[0] = 'X';
    IN_VIEW(view, write(ends[1], MEMORY(own), 1));
    char got;
    read(ends[0], &got, 1);
    EXPECT(got == 'i', "write takes the bytes of the caller's view");
    IN_VIEW(view, mprotect(MEMORY(own + PAGE), PAGE, PROT_READ));
    write(ends[1], "mnop", 4);
    IN_VIEW(view, EXPECT(read(ends[0], MEMORY(own + PAGE), 4) == -1 && errno == EFAULT, "no right to write there: EFAULT"));
    EXPECT(read(ends[0], MEMORY(own + PAGE), 4) == 4, "but in view 0, and the data is still there");

    struct iovec parts[2] = {{MEMORY(own + PAGE - 2), 4}, {MEMORY(common + PAGE - 2), 4}};
    IN_VIEW(view, mprotect(MEMORY(own + PAGE), PAGE, PROT_READ | PROT_WRITE));
    write(ends[1], "12345678", 8);
    IN_VIEW(view, EXPECT(readv(ends[0], parts, 2) == 8, "one call into private and shared pages, over page borders"));
    EXPECT(own[PAGE - 1] == 0 && own[PAGE + 1] == 'n' && memcmp(MEMORY(common + PAGE - 2), "5678", 4) == 0, "view 0 has its half");
    IN_VIEW(view, EXPECT(memcmp(MEMORY(own + PAGE - 2), "1234", 4) == 0, "view %ld has both", view));
    struct timespec *time = MEMORY(own);
    IN_VIEW(view, clock_gettime(CLOCK_REALTIME, time); EXPECT(time->tv_sec > 1000, "clock_gettime writes there, too"));
    EXPECT(own[0] == 'X', "and not here");
    return failures;
}
