/* vfork, posix_spawn, system and popen: processes that share memory until they execute another program. */
#include "say.h"

extern char **environ;
static char *self;
static volatile int mark;

/* vfork as the system call: musl's own is a fork on AArch64. */
static pid_t vfork_on_stack(int (*body)(void *), void *argument) {
    static char stack[65536] __attribute__((aligned(16)));
    return clone(body, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
}

static int writes(void *argument) {
    mark = *(int *)argument;
    return 6;
}
static int executes(void *argument) {
    char *with[] = {"me", "child", "executed", NULL};
    mark = execv(argument, with) == -1 ? errno : 0;
    return 1;
}

static void vforks(void) {
    int two = 2;
    mark = 1;
    pid_t child = vfork_on_stack(writes, &two);
    say("memory is common: %d; %s", mark, await(child));
    child = vfork_on_stack(executes, self);
    say("%s", await(child));
    child = vfork_on_stack(executes, "/nowhere");
    say("a failed execv is seen by the parent: %d; %s", mark == ENOENT, await(child));
    child = vfork();
    if (child == 0) {
        char *with[] = {"me", "child", "by vfork", NULL};
        execv(self, with);
        _exit(90);
    }
    say("%s", await(child));
}

/* A signal to the parent waits until the child has left its memory. */
static volatile sig_atomic_t handled;
static void on_signal(int signo) {
    (void)signo;
    handled = mark;
}
static int signals(void *argument) {
    kill(*(pid_t *)argument, SIGUSR1);
    struct timespec a_bit = {0, 10000000};
    nanosleep(&a_bit, NULL);
    mark = 3;
    return 0;
}
static void signalled(void) {
    signal(SIGUSR1, on_signal);
    mark = 1;
    pid_t parent = getpid();
    pid_t child = vfork_on_stack(signals, &parent);
    await(child);
    say("the signal came when the memory was %d", (int)handled);
}

static void spawns(void) {
    pid_t child;
    char *with[] = {"me", "child", "spawned", NULL};
    int spawned = posix_spawn(&child, self, NULL, NULL, with, environ);
    say("%s", await(child));
    say("posix_spawn: %d", spawned);
    say("nothing there: %d", posix_spawn(&child, "/nowhere", NULL, NULL, with, environ) == ENOENT);

    int ends[2];
    pipe(ends);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    posix_spawnattr_setsigmask(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    char *piped[] = {"me", "child", "by a pipe", NULL};
    say("with actions: %d", posix_spawn(&child, self, &actions, &attributes, piped, environ));
    close(ends[1]);
    char text[200];
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], text + length, sizeof text - 1 - length)) > 0) length += got;
    text[length] = 0;
    printf("read: %s", text);
    fflush(stdout);
    close(ends[0]);
    say("%s", await(child));
}

static void shells(void) {
    say("system(NULL): %d", system(NULL) != 0);
    say("system: %s", ending(system("exit 3")));
    say("system: %s", ending(system("echo said by the shell; exit 0")));
    say("system: %s", ending(system("kill -9 $$")));
    FILE *in = popen("echo one; echo two", "r");
    char line[100];
    while (fgets(line, sizeof line, in) != NULL) {
        printf("popen: %s", line);
        fflush(stdout);
    }
    say("pclose: %s", ending(pclose(in)));
    FILE *out = popen("cat", "w");
    fprintf(out, "through cat\n");
    say("pclose: %s", ending(pclose(out)));
    /* Two at a time. */
    FILE *first = popen("echo first", "r"), *second = popen("echo second; exit 2", "r");
    fgets(line, sizeof line, second);
    printf("%s", line);
    fgets(line, sizeof line, first);
    printf("%s", line);
    fflush(stdout);
    say("%s", ending(pclose(first)));
    say("%s", ending(pclose(second)));
}

static void *spawner(void *argument) {
    long ok = 0;
    for (int i = 0; i < 5; i++) {
        pid_t child;
        char *with[] = {"me", "quiet", argument, NULL};
        int status;
        if (posix_spawn(&child, self, NULL, NULL, with, environ) == 0 && waitpid(child, &status, 0) == child &&
            WEXITSTATUS(status) == atoi(argument))
            ok++;
    }
    return (void *)ok;
}

static void threads(void) {
    pthread_t threads[3];
    char *codes[] = {"11", "12", "13"};
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, spawner, codes[i]);
    long all = 0;
    for (int i = 0; i < 3; i++) {
        void *ok;
        pthread_join(threads[i], &ok);
        all += (long)ok;
    }
    say("spawned by three threads at once: %ld", all);
}

int main(int count, char **arguments) {
    static char path[300];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length] = 0;
    self = path;
    const char *part = count > 1 ? arguments[1] : "";
    if (strcmp(part, "child") == 0) {
        sigset_t mask;
        sigprocmask(SIG_BLOCK, NULL, &mask);
        say("child: %s, blocked %d, own group %d", arguments[2], sigismember(&mask, SIGUSR2), getpgrp() == getpid());
        return 4;
    }
    if (strcmp(part, "quiet") == 0) return atoi(arguments[2]);
    vforks();
    signalled();
    spawns();
    shells();
    threads();
    return 0;
}
