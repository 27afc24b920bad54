/*
 * A program that knows nothing of variants: threads share work by a lock, with callbacks, recursion, floating point and text. Its output
 * depends on every result, but not on the order in which threads run.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, ITEMS = 40, NUMBERS = 60 };

struct item {
    uint32_t numbers[NUMBERS];
    char text[128];
    uint64_t result;
};

uint64_t work(struct item *item, int number);
extern int calls_of_variant[2];

#ifdef VARIANT_CODE

#if VARIANT_CODE == 1
#define CHECK(condition)                                                                                               \
    if (!(condition)) abort();
#else
#define CHECK(condition)
#endif

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    CHECK(a != b || x == y)
    return x < y ? -1 : x > y;
}

static uint64_t fibonacci(int n) {
    CHECK(n >= 0)
    return n < 2 ? (uint64_t)n : fibonacci(n - 1) + fibonacci(n - 2);
}

static double mean(const struct item *item) {
    double sum = 0;
    for (int i = 0; i < NUMBERS; i++) sum += item->numbers[i];
    CHECK(sum >= 0)
    return sum / NUMBERS;
}

uint64_t work(struct item *item, int number) {
    __atomic_fetch_add(&calls_of_variant[VARIANT_CODE], 1, __ATOMIC_RELAXED);
    uint32_t state = (uint32_t)number + 1;
    for (int i = 0; i < NUMBERS; i++) item->numbers[i] = state = state * 1664525u + 1013904223u;
    qsort(item->numbers, NUMBERS, sizeof *item->numbers, by_size);
    for (int i = 1; i < NUMBERS; i++) CHECK(item->numbers[i - 1] <= item->numbers[i])
    snprintf(item->text, sizeof item->text, "%d: median %u, mean %.3f", number, item->numbers[NUMBERS / 2], mean(item));
    item->result = fibonacci(5 + number % 9);
    for (const char *at = item->text; *at != '\0'; at++) item->result = item->result * 31 + (unsigned char)*at;
    return item->result;
}

#else

int calls_of_variant[2];
static struct item items[ITEMS];
static int next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Common code. Between two items it makes system calls with no multivariant function on the stack. */
static void *worker(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        int mine = next++;
        pthread_mutex_unlock(&lock);
        if (mine >= ITEMS) return unused;
        struct timespec moment = {0, 1000};
        nanosleep(&moment, NULL);
        work(&items[mine], mine);
    }
}

int main(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, worker, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < ITEMS; i++) printf("%s, %016llx\n", items[i].text, (unsigned long long)items[i].result);
    fprintf(stderr, "%d %d\n", calls_of_variant[0], calls_of_variant[1]);
    return 0;
}
#endif
