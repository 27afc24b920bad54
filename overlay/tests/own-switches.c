/*
 * A program that switches by itself and prints all that libmelf answers. Somebody outside who switches instead may change nothing of it; which
 * variants were executed goes to stderr.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "melf.h"

int work(int number);
int other(int number);
extern int calls_of_variant[2];

#ifdef VARIANT_CODE

int work(int number) {
    volatile int sum = 0;
    calls_of_variant[VARIANT_CODE]++;
    for (int i = 0; i < 20 + 10 * VARIANT_CODE; i++) sum += i & 1;
    return 10 * number + (sum < 0);
}
int other(int number) { return 100 * number + 0 * VARIANT_CODE; }

#else

int calls_of_variant[2];

static void show(const char *what) {
    int here = melf_current();
    printf("%s: in %d (%s), %d %d\n", what, here, melf_variant_name(here), work(3), other(4));
    fflush(stdout);
}

static void *thread(void *wanted) {
    show("inherited");
    printf("left %d\n", melf_switch((int)(long)wanted));
    show("own");
    return NULL;
}

static void runs(int wanted) {
    pthread_t one;
    pthread_create(&one, NULL, thread, (void *)(long)wanted);
    pthread_join(one, NULL);
    show("maker");
}

static void forks(int wanted) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        thread((void *)(long)wanted);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    show("maker");
}

int main(void) {
    printf("init %d, count %d: %s, %s, none %d\n", melf_init(), melf_variant_count(), melf_variant_name(0), melf_variant_name(1),
           melf_variant_name(2) == NULL);
    printf("checked is %d, nothing is %d, environment %d\n", melf_variant("checked"), melf_variant("nothing"),
           getenv("MELF_MANAGER") == NULL);
    show("start");
    for (int i = 0; i < 10; i++) {
        int before = melf_switch(i % 3 == 0);
        printf("%d to %d: %d\n", before, melf_current(), work(i));
        fflush(stdout);
    }
    errno = 0;
    int wrong = melf_switch(2);
    printf("no such: %d %d, still in %d\n", wrong, errno == EINVAL, melf_current());
    runs(0);
    int mixed = melf_view_create("plain, other=checked");
    printf("mixture %d is %s\n", mixed, melf_variant_name(mixed));
    errno = 0;
    wrong = melf_view_create("plain, nothing=checked");
    printf("no such function: %d %d\n", wrong, errno == EINVAL);
    printf("left %d\n", melf_switch(mixed));
    runs(1);
    forks(0);
    printf("left %d\n", melf_switch_all(1));
    printf("pinned: left %d\n", melf_switch(0));
    runs(0);
    printf("freed: in %d\n", melf_switch_all(-1));
    printf("left %d\n", melf_switch(0));
    runs(1);
    fprintf(stderr, "calls %d %d\n", calls_of_variant[0], calls_of_variant[1]);
    return 0;
}
#endif
