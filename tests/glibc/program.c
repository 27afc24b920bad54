/* Threads with atomics and thread-local data, string functions that libc has several bodies of, sorting, mathematics, printing. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 10000, LENGTH = 100000 };

static atomic_long shared;
static __thread int own;

static void *work(void *unused) {
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&shared, 1);
        own++;
    }
    return (void *)(long)own;
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void) {
    pthread_t threads[THREADS];
    long sum = 0;
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    printf("threads %ld %ld\n", (long)shared, sum);

    char *text = malloc(LENGTH), *copy = malloc(LENGTH + 1);
    memset(text, 'x', LENGTH - 1);
    text[LENGTH - 1] = '\0';
    strcpy(copy, text);
    copy[500] = 'z';
    const char *found = strchr(text, 'y');
    size_t length = strlen(copy);
    long at = strchr(copy, 'z') - copy;
    copy[500] = 'x';
    printf("strings %zu %d %s at %ld\n", length, memcmp(text, copy, LENGTH), found == NULL ? "none" : found, at);

    int numbers[1000];
    for (int i = 0; i < 1000; i++) numbers[i] = (i * 7919) % 1000;
    qsort(numbers, 1000, sizeof *numbers, compare);
    printf("sorted %d %d\n", numbers[0], numbers[999]);
    volatile double one = 1.0;
    printf("numbers %a %g %.6f\n", 1.5 * one, 2.5e10 * one, sin(one));
    return 0;
}
