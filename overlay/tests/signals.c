/*
 * melf.h's promise about signal handlers: a timer's handler switches, runs the variant's code and switches back, again and again, while the
 * program switches itself, makes views and forks. On a kernel without views, too, where a switch overwrites the process's code.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "melf.h"

int work(int number);

#ifdef VARIANT_CODE

int work(int number) {
    volatile int sum = 0;
    for (int i = 0; i < 50 + 30 * VARIANT_CODE; i++) sum += i & 1;
    return 10 * number + VARIANT_CODE + (sum < 0);
}

#else

enum { VARIANTS = 3, LEAST_SIGNALS = 40 };

static volatile sig_atomic_t signals, bad_answers;

static long microseconds;

/* One signal at a time, counted from the end of the last handler: a program that gets nothing else done would prove nothing. */
static void ring_later(void) {
    struct itimerval once = {{0, 0}, {0, microseconds}};
    setitimer(ITIMER_REAL, &once, NULL);
}

/* May come anywhere: in multivariant code, in melf_switch, with or without the library's lock. */
static void on_alarm(int signo) {
    int saved = errno;
    (void)signo;
    int here = melf_current(), to = (here + 1 + signals % 2) % VARIANTS;
    if (here < 0 || here >= VARIANTS || melf_variant_name(here) == NULL) bad_answers++;
    if (melf_variant(melf_variant_name(to)) != to || melf_variant_count() != VARIANTS) bad_answers++;
    if (melf_switch(to) != here || melf_current() != to || work(7) != 70 + to) bad_answers++;
    if (melf_switch(here) != to || melf_current() != here || work(7) != 70 + here) bad_answers++;
    signals++;
    if (microseconds != 0) ring_later();
    errno = saved;
}

static long wrong;

static void switches(int rounds, int least) {
    for (int i = 0; i < rounds || signals < least; i++) {
        int to = i % VARIANTS;
        wrong += melf_switch(to) < 0 || melf_current() != to || work(i) != 10 * i + to;
    }
}

/* Its child's views are new: the handler makes them again. */
static void forks(void) {
    pid_t child = fork();
    if (child == 0) {
        wrong = 0;
        signals = 0;
        ring_later(); /* timers are not inherited */
        switches(30, 3);
        _exit(wrong != 0 || bad_answers != 0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(int count, char **arguments) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    microseconds = count > 1 ? atol(arguments[1]) : 50;
    /* Before anything else of the library is called: the first caller may well be the handler. */
    ring_later();
    switches(300, LEAST_SIGNALS);
    for (int i = 0; i < 3; i++) forks();
    for (int i = 0; i < 10; i++) {
        int mixed = melf_view_create("third, work=second");
        wrong += mixed < 0 || melf_variant_name(mixed) == NULL;
        switches(10, 0);
    }
    microseconds = 0;
    printf("%s wrong %ld, in handlers %d\n", wrong == 0 && bad_answers == 0 ? "ok" : "FAIL", wrong, (int)bad_answers);
    return 0;
}
#endif
