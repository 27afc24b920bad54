/* Threads with atomics and thread-local data, what the start-up code chose by CPUID or HWCAP, string functions that libc has several bodies of,
   sorting, mathematics, printing. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

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

static const char *plain(void) { return "plain"; }
static const char *extended(void) { return "extended"; }
typedef const char *body(void);

#if defined(__x86_64__)
static body *resolve(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") ? extended : plain;
}
static const char *atomics(void) { return "locked"; }
#else
static body *resolve(uint64_t hwcap) { return (hwcap & HWCAP_ASIMDDP) != 0 ? extended : plain; }
/* By which libgcc's atomics (-moutline-atomics) choose between LSE and exclusive loads and stores. */
extern _Bool __aarch64_have_lse_atomics __attribute__((visibility("hidden")));
static const char *atomics(void) { return __aarch64_have_lse_atomics ? "LSE" : "exclusive"; }
#endif
const char *chosen(void) __attribute__((ifunc("resolve")));

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
    printf("chosen %s, atomics %s\n", chosen(), atomics());

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
