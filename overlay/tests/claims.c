/*
 * What melf.h promises: several threads may call everything at once and may be cancelled meanwhile, signal handlers may ask and may switch to where
 * somebody has been, and a child goes on in its maker's variant, however it was made. Without views (natively) the parts that need one variant per
 * thread are left out, and what only an overwrite can get wrong is added.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "melf.h"

int work(int number);
int other(int number);

#ifdef VARIANT_CODE

int work(int number) {
    volatile int sum = 0;
    for (int i = 0; i < 20 + 10 * VARIANT_CODE; i++) sum += i & 1;
    return 10 * number + VARIANT_CODE + (sum < 0);
}
int other(int number) { return 100 * number + VARIANT_CODE; }

#else

enum { THREADS = 6, ROUNDS = 60, VARIANTS = 3 };

static int failures;
static void expect(int holds, const char *what) {
    printf("%s %s\n", holds ? "ok" : "FAIL", what);
    fflush(stdout);
    failures += !holds;
}

static pthread_barrier_t meet;

/* The first in a variant, so that it needs the library's lock, and cancelled: it ends behind the switch, not in it. */
static void *is_cancelled(void *argument) {
    int *switched = argument, to = *switched;
    pthread_cancel(pthread_self());
    *switched = (syscall(1000, 2L) >= 0 ? melf_switch(to) : melf_switch_all(to)) < 0 || work(1) != 10 + to ? -1 : 100;
    pthread_testcancel();
    return NULL;
}

static void cancelled(void) {
    for (int to = 1; to < VARIANTS; to++) {
        pthread_t thread;
        void *end;
        int switched = to;
        pthread_create(&thread, NULL, is_cancelled, &switched);
        pthread_join(thread, &end);
        expect(switched == 100 && end == PTHREAD_CANCELED, "a cancelled thread switches, and ends behind it");
        melf_switch_all(-1);
        expect(melf_switch(to) >= 0 && melf_switch(0) == to && work(2) == 20, "and leaves everything usable");
    }
}

static void *returns(void *argument) { return argument; }

static void *lives(void *argument) {
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&meet);
    return argument;
}

/* Where a switch overwrites the code of the process: pthread_join returns before the kernel has forgotten the thread. */
static void joined(void) {
    int refused = 0;
    pthread_t thread;
    for (int i = 0; i < 8000; i++) {
        pthread_create(&thread, NULL, returns, NULL);
        pthread_join(thread, NULL);
        refused += melf_switch(i & 1) < 0;
    }
    expect(refused == 0, "a thread that was joined is none any more");
    melf_switch(0);
    pthread_barrier_init(&meet, NULL, 2);
    pthread_create(&thread, NULL, lives, NULL);
    pthread_barrier_wait(&meet);
    expect(melf_switch(1) == -1 && errno == EBUSY && work(1) == 10, "one that waits is one");
    pthread_barrier_wait(&meet);
    pthread_join(thread, NULL);
    expect(melf_switch(1) == 0 && work(1) == 11, "until it has ended");
}

static int mixed[THREADS];

/* All come to a variant that nobody has seen at the same time, make a view each, and then go where they like. */
static void *roams(void *argument) {
    long self = (long)argument, wrong = 0;
    unsigned random = (unsigned)self * 2654435761u + 1;
    pthread_barrier_wait(&meet);
    wrong += melf_switch(2) < 0 || work(1) != 12;
    char spec[60];
    snprintf(spec, sizeof spec, "%s, other=%s", melf_variant_name(0), melf_variant_name(1 + self % 2));
    mixed[self] = melf_view_create(spec);
    wrong += mixed[self] < VARIANTS || strcmp(melf_variant_name(mixed[self]), spec) != 0;
    pthread_barrier_wait(&meet);
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525u + 1013904223u;
        int to = (int)(random >> 24) % (VARIANTS + THREADS), choice = to < VARIANTS ? to : mixed[to - VARIANTS];
        int before = melf_current();
        wrong += melf_switch(choice) != before || melf_current() != choice;
        int expected_work = to < VARIANTS ? to : 0, expected_other = to < VARIANTS ? to : 1 + (to - VARIANTS) % 2;
        wrong += work(i) != 10 * i + expected_work || other(i) != 100 * i + expected_other;
        if (i % 8 == 0) sched_yield();
    }
    return (void *)wrong;
}

static void threads(void) {
    pthread_t all[THREADS];
    pthread_barrier_init(&meet, NULL, THREADS);
    for (long i = 0; i < THREADS; i++) pthread_create(&all[i], NULL, roams, (void *)i);
    long wrong = 0, distinct = 1;
    for (int i = 0; i < THREADS; i++) {
        void *own;
        pthread_join(all[i], &own);
        wrong += (long)own;
        for (int j = 0; j < i; j++) distinct &= mixed[i] != mixed[j];
    }
    expect(wrong == 0, "threads switch and make views at once");
    expect(distinct, "each view got a number of its own");
}

static volatile sig_atomic_t signals, bad_answers;
static volatile int stopped;

/* May come anywhere: in multivariant code, in melf_switch. It goes elsewhere, and back before it returns. */
static void on_signal(int signo) {
    int saved = errno;
    (void)signo;
    int here = melf_current();
    if (here < 0 || here >= VARIANTS || melf_variant_name(here) == NULL) bad_answers++;
    int to = (here + 1 + signals % 2) % VARIANTS;
    if (melf_switch(to) != here || melf_current() != to || work(7) != 70 + to) bad_answers++;
    if (melf_switch(here) != to || melf_current() != here || work(7) != 70 + here) bad_answers++;
    signals++;
    errno = saved;
}

static void *disturbs(void *target) {
    for (int i = 0; !stopped; i++) {
        pthread_kill(*(pthread_t *)target, SIGUSR1);
        usleep(10 + i % 7);
    }
    return NULL;
}

static void handlers(void) {
    /* Somebody has been in each of them. */
    for (int i = 0; i < VARIANTS; i++) melf_switch(i);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t self = pthread_self(), disturber;
    pthread_create(&disturber, NULL, disturbs, &self);
    long wrong = 0;
    for (int i = 0; i < 400 || (signals <= 50 && i < 100000); i++) {
        int to = i % VARIANTS;
        wrong += melf_switch(to) < 0 || melf_current() != to;
        wrong += work(i) != 10 * i + to || other(i) != 100 * i + to;
    }
    stopped = 1;
    pthread_join(disturber, NULL);
    expect(wrong == 0, "interrupted switches end where they should");
    expect(bad_answers == 0, "handlers find, leave and restore the variant");
    expect(signals > 50, "there were many");
}

static void *keeps_the_lock_busy(void *argument) {
    (void)argument;
    melf_switch(1);
    while (!stopped) {
        char spec[60];
        snprintf(spec, sizeof spec, "%s, other=%s", melf_variant_name(1), melf_variant_name(2));
        int view = melf_view_create(spec);
        if (view < 0) break;
        melf_switch(view);
        sched_yield();
    }
    return NULL;
}

/* How a child is made: only by fork does the library hear of it. */
enum { BY_FORK, BY_UNDERSCORE_FORK, BY_SYSTEM_CALL, WAYS };

#ifdef __GLIBC__
#define HAS_UNDERSCORE_FORK __GLIBC_PREREQ(2, 34)
#else
#define HAS_UNDERSCORE_FORK 1
#endif

static pid_t make_child(int way) {
#if HAS_UNDERSCORE_FORK
    if (way == BY_UNDERSCORE_FORK) return _Fork();
#endif
    return way == BY_FORK ? fork() : (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
}

/* The first call is a question, or a switch to the variant `first`. */
static int in_child(int variant, int first) {
    int wrong = work(3) != 30 + variant || strcmp(melf_variant_name(1), "second") != 0;
    wrong += first < 0 ? melf_current() != variant : melf_switch(first) != variant || work(3) != 30 + first;
    for (int to = VARIANTS - 1, before = first < 0 ? variant : first; to >= 0; before = to--) {
        wrong += melf_switch(to) != before || work(3) != 30 + to || melf_current() != to;
        wrong += other(4) != 400 + to;
    }
    int view = melf_view_create("third, work=first");
    wrong += view < 0 || melf_switch(view) < 0 || work(5) != 50 || other(5) != 502;
    return wrong;
}

static int child_of(int variant, int way, int first) {
    int status;
    pid_t child = make_child(way);
    if (child == 0) _exit(in_child(variant, first));
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

/* A child of each kind, whose first call is a question or a switch to any variant. */
static int children_of(int variant) {
    int wrong = 0;
    for (int way = 0; way < WAYS; way++)
        for (int first = -1; first < VARIANTS; first++) wrong += child_of(variant, way, first);
    return wrong;
}

/* Forks in a variant that it was started in and never switched to by itself. */
static void *forks(void *argument) { return (void *)(long)children_of((int)(long)argument); }

static int in_mixture(int mixture) {
    int wrong = 0;
    for (int way = 0; way < WAYS; way++) {
        int status;
        pid_t child = make_child(way);
        if (child == 0) _exit(melf_current() != mixture || melf_switch(0) != mixture || melf_switch(mixture) != 0 || work(1) != 10 || other(1) != 101);
        waitpid(child, &status, 0);
        wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return wrong;
}

static void children(int has_views) {
    for (int variant = 0; variant < VARIANTS; variant++) {
        melf_switch(variant);
        expect(children_of(variant) == 0, "a child goes on in its maker's variant");
    }
    int mixture = melf_view_create("first, other=second");
    melf_switch(mixture);
    expect(in_mixture(mixture) == 0, "or mixture");
    melf_switch(0);
    if (!has_views) return;
    melf_switch(1);
    pthread_t thread;
    void *wrong;
    pthread_create(&thread, NULL, forks, (void *)1L);
    pthread_join(thread, &wrong);
    expect(wrong == NULL, "also that of a thread that never switched");
    pthread_t busy;
    stopped = 0;
    pthread_create(&busy, NULL, keeps_the_lock_busy, NULL);
    int bad = 0;
    for (int i = 0; i < 5; i++) bad += child_of(1, BY_FORK, i % 2 ? 2 : -1);
    stopped = 1;
    pthread_join(busy, NULL);
    expect(bad == 0, "and while another thread changes the tables");
}

int main(void) {
    int has_views = syscall(1000, 2L) >= 0;
    expect(melf_init() == 0 && melf_variant_count() == VARIANTS, "three variants");
    /* While nobody has made the other views: a view that the child makes may bear the number of one that its maker has. */
    melf_switch(2);
    expect(children_of(2) == 0, "a child starts where its maker is");
    melf_switch(0);
    cancelled();
    if (has_views) {
        threads();
        handlers();
    } else {
        joined();
    }
    children(has_views);
    return failures;
}
#endif
