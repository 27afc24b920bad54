/* fork: what a child has of its parent, what it has for itself, and how its end is learned of. */
#include "say.h"

static int data = 1;
static int zero;
static volatile sig_atomic_t signals;
static siginfo_t last;

static void on_signal(int signo, siginfo_t *info, void *context) {
    (void)context;
    last = *info;
    signals += signo == SIGCHLD ? 1 : 100;
}

static void copies(void) {
    int local = 1;
    char *heap = malloc(100000);
    memset(heap, 'p', 100000);
    char *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 1 << 20; i += 4096) mapped[i] = 'p';
    volatile int *common = shared(4096);
    pid_t child = fork();
    if (child == 0) {
        say("child sees %d %d %d %c %c", data, zero, local, heap[99999], mapped[1 << 19]);
        data = 2, zero = 2, local = 2, heap[99999] = 'c', common[0] = 7;
        for (int i = 0; i < 1 << 20; i += 4096) mapped[i] = 'c';
        char *more = malloc(1 << 22);
        memset(more, 1, 1 << 22);
        say("child has %d %d %d %c %c", data, zero, local, heap[99999], mapped[1 << 19]);
        _exit(5);
    }
    say("child ended: %s", await(child));
    say("parent has %d %d %d %c %c, shared %d", data, zero, local, heap[99999], mapped[1 << 19], common[0]);
    child = fork();
    if (child == 0) {
        /* The parent writes first this time. */
        while (common[1] == 0) sched_yield();
        say("child still sees %d %c", data, mapped[4096]);
        _exit(0);
    }
    data = 3, mapped[4096] = 'q', common[1] = 1;
    say("second child: %s", await(child));
    munmap(mapped, 1 << 20);
    free(heap);
}

static void identity(void) {
    pid_t parent = getpid();
    int ends[2];
    if (pipe(ends) != 0) _exit(97);
    pid_t child = fork();
    if (child == 0) {
        pid_t ids[3] = {getpid(), getppid(), (pid_t)syscall(SYS_gettid)};
        write(ends[1], ids, sizeof ids);
        _exit(0);
    }
    pid_t ids[3];
    read(ends[0], ids, sizeof ids);
    say("pid %d, parent %d, thread id %d", ids[0] == child, ids[1] == parent, ids[2] == child);
    say("%s", await(child));
    say("nobody left: %s", await(-1));
    say("not mine: %s", await(getppid()));
    close(ends[0]);
    close(ends[1]);
}

static void endings(void) {
    pid_t child = fork();
    if (child == 0) exit(300);
    say("exit(300): %s", await(child));
    child = fork();
    if (child == 0) abort();
    say("abort: %s", await(child));
    child = fork();
    if (child == 0) {
        *(volatile int *)16 = 1;
        _exit(0);
    }
    say("bad address: %s", await(child));
    child = fork();
    if (child == 0)
        for (;;) pause();
    say("alive: %s", error(kill(child, 0)));
    say("WNOHANG: %d", waitpid(child, NULL, WNOHANG));
    kill(child, SIGKILL);
    say("killed: %s", await(child));
    say("gone: %s", error(kill(child, 0)));
    child = fork();
    if (child == 0) _exit(9);
    siginfo_t info;
    say("waitid: %s", error(waitid(P_PID, child, &info, WEXITED | WNOWAIT)));
    say("code %d, status %d, pid %d", info.si_code == CLD_EXITED, info.si_status, info.si_pid == child);
    say("ended, but there: %s", error(kill(child, SIGUSR1)));
    say("again: %s", await(child));
    say("bad options: %s", error(waitpid(-1, NULL, 0x1000)));
}

static void child_signals(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    pid_t child = fork();
    if (child == 0) _exit(3);
    say("%s with a handler", await(child));
    while (signals == 0) pause();
    say("SIGCHLD %d: code %d, status %d, pid %d", (int)signals, last.si_code == CLD_EXITED, last.si_status, last.si_pid == child);
    signals = 0;
    child = fork();
    if (child == 0) {
        raise(SIGTERM);
        _exit(0);
    }
    say("%s", await(child));
    say("SIGCHLD: code %d, status %d", last.si_code == CLD_KILLED, last.si_status);

    /* Without SA_RESTART a wait is cut short. */
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &action, NULL);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    child = fork();
    if (child == 0) {
        struct timespec while_ = {0, 50000000};
        nanosleep(&while_, NULL);
        kill(getppid(), SIGUSR1);
        nanosleep(&while_, NULL);
        _exit(4);
    }
    signal(SIGCHLD, SIG_DFL);
    int status;
    say("interrupted: %s", error(waitpid(child, &status, 0)));
    say("%s, from %d", await(child), last.si_pid == child);

    /* Blocked in the parent, blocked in the child; pending ones are the parent's alone. */
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    child = fork();
    if (child == 0) {
        sigset_t pending, now;
        sigpending(&pending);
        sigprocmask(SIG_BLOCK, NULL, &now);
        say("child: pending %d, blocked %d", sigismember(&pending, SIGUSR1), sigismember(&now, SIGUSR1));
        _exit(0);
    }
    await(child);
    sigset_t pending;
    sigpending(&pending);
    say("parent: pending %d", sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, NULL);

    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0) _exit(1);
    say("ignored children leave nothing: %s", await(child));
    struct sigaction reaping = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &reaping, NULL);
    child = fork();
    if (child == 0) _exit(1);
    say("nor with SA_NOCLDWAIT: %s", await(-1));
    signal(SIGCHLD, SIG_DFL);
}

static void pipes(void) {
    int down[2], up[2];
    pipe(down);
    pipe(up);
    pid_t child = fork();
    if (child == 0) {
        close(down[1]);
        close(up[0]);
        char buffer[1000];
        long sum = 0, got;
        while ((got = read(down[0], buffer, sizeof buffer)) > 0)
            for (long i = 0; i < got; i++) sum += buffer[i];
        write(up[1], &sum, sizeof sum);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    char *block = malloc(300000);
    memset(block, 3, 300000);
    say("wrote %zd", write(down[1], block, 300000));
    close(down[1]);
    long sum = 0;
    read(up[0], &sum, sizeof sum);
    say("child added up %ld", sum);
    say("end of file: %zd", read(up[0], &sum, 1));
    await(child);
    free(block);
    close(up[0]);

    /* A reader that ends takes the pipe with it. */
    pipe(down);
    child = fork();
    if (child == 0) _exit(0);
    close(down[0]);
    await(child);
    signal(SIGPIPE, SIG_IGN);
    say("nobody reads: %s", error(write(down[1], "x", 1)));
    close(down[1]);
    signal(SIGPIPE, SIG_DFL);
}

static void open_files(void) {
    char name[] = "/tmp/fork-XXXXXX";
    int fd = mkstemp(name);
    write(fd, "0123456789", 10);
    lseek(fd, 2, SEEK_SET);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5};
    fcntl(fd, F_SETLK, &lock);
    pid_t child = fork();
    if (child == 0) {
        char c;
        read(fd, &c, 1);
        struct flock mine = lock;
        int refused = fcntl(fd, F_SETLK, &mine);
        say("child reads %c, its lock: %s", c, error(refused));
        umask(077);
        chdir("/");
        close(fd);
        _exit(0);
    }
    await(child);
    char c;
    read(fd, &c, 1);
    mode_t mask = umask(022);
    say("the position is common: parent reads %c, its umask is %o", c, mask);
    close(fd);
    unlink(name);
}

static void *count(void *argument) {
    struct { pthread_mutex_t mutex; sem_t ready; long count; } *common = argument;
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&common->mutex);
        common->count++;
        if (i % 100 == 0) sched_yield();
        pthread_mutex_unlock(&common->mutex);
    }
    return NULL;
}

static void locks(void) {
    struct { pthread_mutex_t mutex; sem_t ready; long count; } *common = shared(4096);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&common->mutex, &attributes);
    sem_init(&common->ready, 1, 0);
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            sem_wait(&common->ready);
            /* A child starts threads of its own. */
            pthread_t thread;
            pthread_create(&thread, NULL, count, common);
            count(common);
            pthread_join(thread, NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) sem_post(&common->ready);
    for (int i = 0; i < 4; i++) await(children[i]);
    say("8 threads in 4 processes counted to %ld", common->count);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(&common->mutex);
        _exit(0);
    }
    await(child);
    say("a lock whose owner died: %d", pthread_mutex_lock(&common->mutex) == EOWNERDEAD);
}

static void *stays(void *argument) {
    (void)argument;
    for (;;) pause();
    return NULL;
}

static void threads(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, stays, NULL);
    pid_t child = fork();
    if (child == 0) {
        /* The other thread is not here. */
        char path[64];
        int tasks = 0;
        snprintf(path, sizeof path, "/proc/self/task");
        FILE *status = fopen("/proc/self/status", "r");
        char line[256];
        while (fgets(line, sizeof line, status) != NULL) sscanf(line, "Threads: %d", &tasks);
        say("threads in the child: %d", tasks);
        _exit(0);
    }
    say("%s", await(child));
}

static void families(void) {
    int ends[2];
    pipe(ends);
    pid_t child = fork();
    if (child == 0) {
        pid_t middle = getpid();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            struct timespec a_bit = {0, 1000000};
            while (getppid() == middle) nanosleep(&a_bit, NULL);
            int orphan = getppid() != middle;
            write(ends[1], &orphan, sizeof orphan);
            _exit(0);
        }
        _exit(0);
    }
    await(child);
    int orphan = 0;
    read(ends[0], &orphan, sizeof orphan);
    say("orphan: %d; not the grandparent's: %s", orphan, await(-1));

    child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            write(ends[1], "x", 1);
            for (;;) pause();
        }
        char c;
        read(ends[0], &c, 1);
        _exit(0);
    }
    close(ends[1]);
    await(child);
    char c;
    say("a child that ends with its parent: %zd", read(ends[0], &c, 1));
    close(ends[0]);
}

static void groups(void) {
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0)
            for (;;) pause();
        setpgid(children[i], children[0]);
    }
    say("group: %d %d", getpgid(children[1]) == children[0], getpgid(0) == getpgrp());
    say("kill the group: %s", error(kill(-children[0], SIGTERM)));
    int ended = 0;
    while (waitpid(-children[0], NULL, 0) > 0) ended++;
    say("ended: %d, then %s", ended, error(-1));
    say("no such group: %s", error(kill(-children[0], 0)));
    pid_t child = fork();
    if (child == 0) {
        say("setsid: %d", setsid() == getpid());
        say("leads: %d %d", getsid(0) == getpid(), getpgrp() == getpid());
        say("again: %s", error(setsid()));
        _exit(0);
    }
    await(child);
}

static void alarms(void) {
    alarm(1000);
    pid_t child = fork();
    if (child == 0) {
        say("the child's alarm: %u", alarm(0));
        _exit(0);
    }
    await(child);
    say("the parent's: %d", alarm(0) > 0);
    child = fork();
    if (child == 0) {
        alarm(1);
        for (;;) pause();
    }
    say("%s", await(child));
}

/* A hundred generations: what each leaves behind would add up. */
static void generations(void) {
    int left = 0;
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0) _exit(i % 50);
        int status;
        waitpid(child, &status, 0);
        left += WEXITSTATUS(status);
    }
    say("a hundred children: %d", left);
}

int main(void) {
    copies();
    identity();
    endings();
    child_signals();
    pipes();
    open_files();
    locks();
    threads();
    families();
    groups();
    alarms();
    generations();
    return 0;
}
