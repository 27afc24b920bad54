/* R13: futexes, mutexes, condition variables, semaphores, barriers and robust locks work between threads in different views. */

#include <semaphore.h>
#include <time.h>

#include "check.h"

enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

static long views[4];
static volatile int word;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, robust;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static sem_t full, empty;
static volatile long shared, turn;
static pthread_rwlock_t many = PTHREAD_RWLOCK_INITIALIZER;

static void *waiter(void *view) {
    mmview_migrate((long)view);
    while (word == 0) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    return (void *)mmview_current();
}
static void *adder(void *number) {
    mmview_migrate(views[(long)number]);
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&lock);
        shared = shared + 1;
        if (i % 50 == 0) sched_yield();
        pthread_mutex_unlock(&lock);
        if (i % 100 == 0) mmview_migrate(views[((long)number + i / 100) % 4]); /* on the way, with the lock free */
    }
    return NULL;
}
static void *in_turn(void *number) {
    long me = (long)number;
    mmview_migrate(views[me]);
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&lock);
        while (turn % 4 != me) pthread_cond_wait(&changed, &lock);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}
static void *producer(void *view) {
    mmview_migrate((long)view);
    for (long i = 1; i <= 200; i++) {
        sem_wait(&empty);
        shared = i;
        sem_post(&full);
    }
    return NULL;
}
static void *dies_with_lock(void *view) {
    mmview_migrate((long)view);
    pthread_mutex_lock(&robust);
    return NULL;
}
static void *lock_here_unlock_there(void *view) {
    pthread_mutex_lock(&lock);
    mmview_migrate((long)view);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void) {
    volatile unsigned char *own = pages(1);
    if (mmview_unshare(MEMORY(own), PAGE) != 0) abort();
    for (int i = 1; i < 4; i++) views[i] = mmview_create();

    pthread_t thread = start(waiter, (void *)views[1]);
    struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
    word = 1;
    long woken = syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    EXPECT(woken == 1, "futex: a thread waits in view %ld, one in view 0 wakes it", views[1]);
    EXPECT((long)join(thread) == views[1], "it wakes in its view");

    pthread_t threads[4];
    for (long i = 0; i < 4; i++) threads[i] = start(adder, (void *)i);
    for (int i = 0; i < 4; i++) join(threads[i]);
    EXPECT(shared == 2000, "mutex: 4 threads that change views add 500 each: %ld", shared);

    for (long i = 0; i < 4; i++) threads[i] = start(in_turn, (void *)i);
    for (int i = 0; i < 4; i++) join(threads[i]);
    EXPECT(turn == 200, "condition variable: 4 threads in 4 views take turns, 50 each: %ld", turn);

    sem_init(&full, 0, 0);
    sem_init(&empty, 0, 1);
    thread = start(producer, (void *)views[2]);
    long wrong = 0;
    for (long i = 1; i <= 200; i++) {
        sem_wait(&full);
        wrong += shared != i;
        sem_post(&empty);
    }
    join(thread);
    EXPECT(wrong == 0, "semaphores: 200 values from view %ld to view 0, in order", views[2]);

    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    join(start(dies_with_lock, (void *)views[3]));
    int result = pthread_mutex_lock(&robust);
    EXPECT(result == EOWNERDEAD, "robust lock: its owner ended in view %ld, view 0 is told (%d)", views[3], result);
    EXPECT(pthread_mutex_consistent(&robust) == 0 && pthread_mutex_unlock(&robust) == 0, "and can repair it");

    join(start(lock_here_unlock_there, (void *)views[1]));
    EXPECT(pthread_mutex_trylock(&lock) == 0, "a lock taken in view 0 and released in view %ld is free", views[1]);
    pthread_mutex_unlock(&lock);
    EXPECT(pthread_rwlock_rdlock(&many) == 0, "a reader's lock in view 0");
    IN_VIEW(views[1], EXPECT(pthread_rwlock_trywrlock(&many) == EBUSY, "keeps writers out in view %ld", views[1]));
    pthread_rwlock_unlock(&many);
    return failures;
}
