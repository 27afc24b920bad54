/* Two threads, one in each variant, do the same wrong things with blocks of one heap. Common: main and the threads; multivariant: sessions.c. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "melf.h"
#include "sessions.h"

static void *session(void *variant) {
    if (melf_switch(melf_variant(variant)) < 0) return NULL;
    run_session();
    return variant;
}

int main(void) {
    static char *names[] = {"plain", "asan", "plain", "asan"};
    char *shared = allocate_block(40);
    share_block(shared);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, NULL, session, names[i]);
        pthread_join(thread, &result);
        printf("%s\n", result == NULL ? "no switch" : names[i]);
    }
    return 0;
}
