/* A lock on a futex: it neither allocates nor depends on which libc this is ("Futexes Are Tricky", U. Drepper, third mutex). */
#include "parts.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNLOCKED = 0, LOCKED = 1, CONTENDED = 2 };
enum { WAIT_PRIVATE = 128, WAKE_PRIVATE = 129 };

static NOINLINE void wait_for(struct lock *lock) {
    int saved = errno; /* free must leave it alone */
    while (__atomic_exchange_n(&lock->word, CONTENDED, __ATOMIC_ACQUIRE) != UNLOCKED)
        syscall(SYS_futex, &lock->word, WAIT_PRIVATE, CONTENDED, NULL, NULL, 0);
    errno = saved;
}

static void take(struct lock *lock) {
    int expected = UNLOCKED;
    if (UNLIKELY(!__atomic_compare_exchange_n(&lock->word, &expected, LOCKED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
        wait_for(lock);
}

static void release(struct lock *lock) {
    if (UNLIKELY(__atomic_exchange_n(&lock->word, UNLOCKED, __ATOMIC_RELEASE) == CONTENDED))
        syscall(SYS_futex, &lock->word, WAKE_PRIVATE, 1, NULL, NULL, 0);
}
