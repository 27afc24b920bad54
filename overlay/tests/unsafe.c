/*
 * R15: switches at good and bad places. Multivariant: what VARIANT_CODE compiles (twice, see safety.test.ts). The argument says where
 * the switch is made.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "melf.h"

int outer(int x);
int middle(int x, int (*common)(int));
int saver(jmp_buf *context, int x);
long equal(long x, long (*common)(long));
void spin(volatile int *flag);

#ifdef VARIANT_CODE

#include "unequal-bodies.h"

static int leaf(int x) {
    MORE(x)
    return x + 100 * VARIANT_CODE;
}
int outer(int x) { return leaf(x) + 1; }

int saver(jmp_buf *context, int x) {
    MORE(x)
    if (setjmp(*context) != 0) return -1;
    return x;
}

/* Stays here until a signal handler sets the flag. */
void spin(volatile int *flag) {
    int x = *flag;
    MORE(x)
    while (*flag == 0) continue;
    MORE(x)
    *flag = x | 1;
}

/* The same in all variants: a switch with this on the stack does no harm. */
long equal(long x, long (*common)(long)) { return common(x) * 3; }

#else

static int switch_and_return(int x) {
    int before = melf_switch(1);
    printf("switched: %d\n", before);
    fflush(stdout);
    return x;
}
static long switch_for_equal(long x) {
    printf("switched: %d\n", melf_switch(1));
    fflush(stdout);
    return x;
}
static volatile int flag;
static void on_signal(int signal) {
    (void)signal;
    printf("switched: %d\n", melf_switch(1));
    fflush(stdout);
    flag = 1;
}

int main(int count, char **arguments) {
    const char *place = count > 1 ? arguments[1] : "";
    if (count > 2) return execv("/proc/self/exe", arguments + 1);
    if (melf_init() != 0) return 2;
    if (strcmp(place, "main") == 0) {
        int zero = outer(1), before = melf_switch(1), one = outer(1);
        printf("%d %d %d\n", zero, before, one);
    } else if (strcmp(place, "callback") == 0) {
        printf("%d\n", middle(1, switch_and_return));
    } else if (strcmp(place, "equal") == 0) {
        printf("%ld\n", equal(7, switch_for_equal));
    } else if (strcmp(place, "setjmp") == 0) {
        jmp_buf context;
        printf("%d\n", saver(&context, 3));
        printf("switched: %d\n", melf_switch(1));
    } else if (strcmp(place, "signal") == 0) {
        struct sigaction action = {.sa_handler = on_signal};
        sigaction(SIGALRM, &action, NULL);
        struct itimerval_compat { long interval[2], value[2]; } soon = {{0, 0}, {0, 200}};
        extern int setitimer(int, const void *, void *);
        setitimer(0, &soon, NULL);
        spin(&flag);
        printf("over\n");
    } else {
        return 3;
    }
    return 0;
}
#endif
