/* R14: a process that ends with many views, some deleted with threads inside, leaves nothing. The host looks at the machine's memory. */
#include <signal.h>

#include "check.h"

static pthread_barrier_t meet;
static volatile unsigned char *own;

static void *stays(void *view) {
    mmview_migrate((long)view);
    own[PAGE] = 5;
    pthread_barrier_wait(&meet);
    for (;;) pause();
    return NULL;
}

int main(int count, char **arguments) {
    int by_signal = count > 1 && strcmp(arguments[1], "signal") == 0;
    own = pages(64);
    volatile unsigned char *common = pages(600);
    for (int i = 0; i < 64; i++) own[i * PAGE] = 1;
    if (mmview_unshare(MEMORY(own), 32 * PAGE) != 0) abort();
    pthread_barrier_init(&meet, NULL, 4);
    long last = 0;
    for (int i = 0; i < 20; i++) {
        last = mmview_create();
        IN_VIEW(last, for (int p = 0; p < i; p++) own[p * PAGE] = 2; common[i * 30 * PAGE] = 3);
        if (i < 3) start(stays, (void *)last);
        if (i % 4 == 0) mmview_migrate(last);
    }
    pthread_barrier_wait(&meet);
    EXPECT(mmview_delete(1) == 0, "a view is deleted with a thread inside");
    EXPECT(mmview_switch_base() == mmview_current() && mmview_delete(0) == 0, "the base is another one, view 0 is deleted");
    if (by_signal) {
        raise(SIGKILL);
        return 1;
    }
    return failures;
}
