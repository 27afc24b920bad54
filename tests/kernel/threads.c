// Threads as pthreads give them: what each line says must not depend on how they are scheduled.
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 3000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static pthread_key_t key;
static sem_t finished;
static __thread int own = 5;
static long plain;
static atomic_long counted, destroyed, cleaned;
static int turn, initialised;

static void initialise(void) { initialised++; }
static void destroy(void *value) { atomic_fetch_add(&destroyed, (long)value); }
static void clean(void *unused) { (void)unused; atomic_fetch_add(&cleaned, 1); }

static struct timespec in(long ns) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_nsec += ns % 1000000000;
  at.tv_sec += ns / 1000000000 + at.tv_nsec / 1000000000;
  at.tv_nsec %= 1000000000;
  return at;
}

static void *work(void *argument) {
  long id = (long)argument;
  own += id;
  pthread_once(&once, initialise);
  pthread_setspecific(key, (void *)(id + 1));
  for (int round = 0; round < ROUNDS; round++) {
    pthread_mutex_lock(&mutex);
    plain++;
    pthread_mutex_unlock(&mutex);
    atomic_fetch_add(&counted, 1);
  }
  int serial = pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
  for (int round = 0; round < 4; round++) {
    pthread_mutex_lock(&mutex);
    while (turn % THREADS != id) pthread_cond_wait(&changed, &mutex);
    printf("%ld%c", id, turn % THREADS == THREADS - 1 ? '\n' : ' ');
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
  pthread_rwlock_rdlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
  sem_post(&finished);
  return (void *)(long)(own * 10 + serial);
}

static void *lock_and_leave(void *lock) {
  pthread_mutex_lock(lock);
  return NULL;
}

static void *wait_for_ever(void *unused) {
  (void)unused;
  pthread_cleanup_push(clean, NULL);
  for (;;) sleep(1000);
  pthread_cleanup_pop(0);
  return NULL;
}

// A bounded queue between producers and consumers.
static struct { int items[4], head, count; pthread_mutex_t lock; pthread_cond_t room, more; } queue = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void *produce(void *argument) {
  for (long i = 1; i <= 500; i++) {
    pthread_mutex_lock(&queue.lock);
    while (queue.count == 4) pthread_cond_wait(&queue.room, &queue.lock);
    queue.items[(queue.head + queue.count++) % 4] = (int)((long)argument * 1000 + i);
    pthread_cond_signal(&queue.more);
    pthread_mutex_unlock(&queue.lock);
    if (i % 100 == 0) usleep(50);
  }
  return NULL;
}

static void *consume(void *unused) {
  (void)unused;
  long sum = 0;
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(&queue.lock);
    while (queue.count == 0) pthread_cond_wait(&queue.more, &queue.lock);
    sum += queue.items[queue.head];
    queue.head = (queue.head + 1) % 4;
    queue.count--;
    pthread_cond_signal(&queue.room);
    pthread_mutex_unlock(&queue.lock);
  }
  return (void *)sum;
}

int main(void) {
  pthread_t threads[THREADS];
  long returned = 0;
  pthread_barrier_init(&barrier, NULL, THREADS);
  sem_init(&finished, 0, 0);
  pthread_key_create(&key, destroy);
  pthread_rwlock_wrlock(&rwlock);
  for (long id = 0; id < THREADS; id++) pthread_create(&threads[id], NULL, work, (void *)id);
  usleep(2000);
  pthread_rwlock_unlock(&rwlock);
  for (int i = 0; i < THREADS; i++) sem_wait(&finished);
  for (int i = 0; i < THREADS; i++) {
    void *value;
    pthread_join(threads[i], &value);
    returned += (long)value;
  }
  printf("plain %ld atomic %ld returned %ld own %d\n", plain, (long)counted, returned, own);
  printf("once %d destroyed %ld\n", initialised, (long)destroyed);

  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_t robust;
  pthread_mutex_init(&robust, &attributes);
  pthread_create(&threads[0], NULL, lock_and_leave, &robust);
  pthread_join(threads[0], NULL);
  struct timespec soon = in(5000000000);
  printf("robust: owner died %d\n", pthread_mutex_timedlock(&robust, &soon) == EOWNERDEAD);
  printf("consistent %d\n", pthread_mutex_consistent(&robust));
  printf("unlocked %d\n", pthread_mutex_unlock(&robust));
  printf("locked %d\n", pthread_mutex_lock(&robust));

  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_t checked;
  pthread_mutex_init(&checked, &attributes);
  pthread_mutex_lock(&checked);
  printf("error check: deadlock %d\n", pthread_mutex_lock(&checked) == EDEADLK);

  soon = in(20000000);
  pthread_mutex_lock(&mutex);
  printf("timed wait: %d\n", pthread_cond_timedwait(&changed, &mutex, &soon) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
  soon = in(1000000);
  printf("timed semaphore: %d\n", sem_timedwait(&finished, &soon) == -1 && errno == ETIMEDOUT);

  pthread_create(&threads[0], NULL, wait_for_ever, NULL);
  usleep(1000);
  pthread_cancel(threads[0]);
  void *value;
  pthread_join(threads[0], &value);
  printf("cancelled %d cleaned %ld\n", value == PTHREAD_CANCELED, (long)cleaned);

  long sum = 0;
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, produce, (void *)i);
  for (int i = 3; i < 6; i++) pthread_create(&threads[i], NULL, consume, NULL);
  for (int i = 0; i < 6; i++) {
    pthread_join(threads[i], &value);
    if (i >= 3) sum += (long)value;
  }
  printf("consumed %ld\n", sum);

  for (int i = 0; i < 200; i++) {  // threads come and go: stacks and cores are used again
    pthread_create(&threads[0], NULL, lock_and_leave, &(pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER);
    pthread_join(threads[0], NULL);
  }
  printf("200 more threads\n");
  return 0;
}
