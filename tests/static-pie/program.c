// Compiled once for each variant (VARIANT: its number) and once without (main). Addresses in data, a thread-local one, jump tables.
#ifdef VARIANT
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
static int calls;
static __thread int mine = 7;
static int plain(int x) { return x + VARIANT * 100; }
static int (*const table[])(int) = { plain };
static const char *const names[] = { "variant " TEXT(VARIANT), "of two" };
int *counter = &calls;
int work(int x, const char **name)
{
    static const void *const places[] = { &&even, &&odd };
    int result = ++*counter + mine++;
    *name = names[0];
    goto *places[x % 2];
even:
    return result + table[0](1000);
odd:
    return -result - table[0](1000);
}
#else
#include <pthread.h>
#include <stdio.h>
#include "melf.h"
int work(int x, const char **name);
static void *run(void *variants)
{
    int (*volatile entry)(int, const char **) = work;
    for (int i = 0; i < 4; i++) {
        const char *name;
        if (variants && melf_switch((i + 1) % 2) < 0) perror("melf_switch");
        int result = entry(i, &name);
        printf("%s: %d\n", name, result);
    }
    return 0;
}
int main(int argc, char **argv)
{
    (void)argv;
    pthread_t thread;
    pthread_create(&thread, 0, run, argc > 1 ? "" : 0);
    pthread_join(thread, 0);
    run(0);
    return 0;
}
#endif
