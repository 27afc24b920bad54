/* Locks of files: records, which belong to processes; records and whole files, which belong to open file descriptions. */
#include "say.h"
#include <sys/file.h>

static char path[] = "/tmp/locks-XXXXXX";
static int to_child[2], to_parent[2];

static struct flock record(int type, off_t start, off_t length) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}
static const char *set(int fd, int command, int type, off_t start, off_t length) {
    struct flock lock = record(type, start, length);
    return error(fcntl(fd, command, &lock));
}
/* Who is in the way; pids by what they are to the caller. */
static const char *test(int fd, int command, int type, off_t start, off_t length) {
    static char text[100];
    struct flock lock = record(type, start, length);
    int result = fcntl(fd, command, &lock);
    if (result < 0) return error(result);
    if (lock.l_type == F_UNLCK) return "free";
    const char *whose = lock.l_pid == getppid() ? "parent's" : lock.l_pid == -1 ? "a description's" : "another's";
    snprintf(text, sizeof text, "%s %s lock, %ld bytes from %ld", whose, lock.l_type == F_RDLCK ? "read" : "write", (long)lock.l_len,
             (long)lock.l_start);
    return text;
}
static int opened(void) { return open(path, O_RDWR); }
static void pass(int ends[2]) { write(ends[1], "x", 1); }
static void wait_for(int ends[2]) {
    char byte;
    if (read(ends[0], &byte, 1) != 1) _exit(96);
}
/* Long enough for another process to begin to wait, on a busy host, too. */
enum { WHILE = 200 };
static void nap(int ms) {
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

static void records(void) {
    int fd = opened();
    say("parent: %s", set(fd, F_SETLK, F_WRLCK, 10, 20));
    pid_t child = fork();
    if (child == 0) {
        say("child tests: %s", test(fd, F_GETLK, F_WRLCK, 0, 0));
        say("child beside: %s", set(fd, F_SETLK, F_WRLCK, 30, 5));
        say("child over: %s", set(fd, F_SETLK, F_RDLCK, 29, 1));
        say("child whole: %s", set(fd, F_SETLK, F_RDLCK, 0, 0));
        say("child's unlock of the parent's: %s", set(fd, F_SETLK, F_UNLCK, 10, 20));
        say("still there: %s", set(fd, F_SETLK, F_WRLCK, 10, 1));
        pass(to_parent);
        const char *got = set(fd, F_SETLKW, F_WRLCK, 15, 1);
        wait_for(to_child);
        say("child waited: %s", got);
        say("child tests: %s", test(fd, F_GETLK, F_WRLCK, 0, 0));
        pass(to_parent);
        wait_for(to_child);
        _exit(0);
    }
    wait_for(to_parent);
    nap(WHILE);
    say("parent in the child's: %s", set(fd, F_SETLK, F_RDLCK, 30, 1));
    say("parent lets go of a part: %s", set(fd, F_SETLK, F_UNLCK, 12, 5));
    pass(to_child);
    wait_for(to_parent);
    say("parent tests: %s", test(fd, F_GETLK, F_WRLCK, 15, 1));
    pass(to_child);
    say("child: %s", await(child));
    say("after its end: %s", test(fd, F_GETLK, F_WRLCK, 0, 0));

    /* A second descriptor, closed, takes the process's locks away. */
    close(opened());
    child = fork();
    if (child == 0) {
        say("after a close: %s", test(fd, F_GETLK, F_WRLCK, 0, 0));
        _exit(0);
    }
    await(child);
    close(fd);
}

static void shared_reading(void) {
    int fd = opened();
    pid_t child = fork();
    if (child == 0) {
        set(fd, F_SETLK, F_RDLCK, 0, 10);
        pass(to_parent);
        wait_for(to_child);
        _exit(0);
    }
    wait_for(to_parent);
    say("two readers: %s", set(fd, F_SETLK, F_RDLCK, 5, 10));
    say("upgrade where I am alone: %s", set(fd, F_SETLK, F_WRLCK, 10, 5));
    say("upgrade of both: %s", set(fd, F_SETLK, F_WRLCK, 5, 10));
    int read_only = open(path, O_RDONLY), write_only = open(path, O_WRONLY);
    say("write lock by a reader: %s", set(read_only, F_SETLK, F_WRLCK, 50, 1));
    say("read lock by a writer: %s", set(write_only, F_SETLK, F_RDLCK, 50, 1));
    say("no such type: %s", set(fd, F_SETLK, 7, 50, 1));
    say("before the start: %s", set(fd, F_SETLK, F_WRLCK, -5, 1));
    say("backwards: %s", set(fd, F_SETLK, F_WRLCK, 60, -5));
    say("too far back: %s", set(fd, F_SETLK, F_WRLCK, 3, -5));
    say("test for nothing: %s", test(fd, F_GETLK, F_UNLCK, 0, 0));
    pass(to_child);
    say("child: %s", await(child));
    say("now: %s", set(fd, F_SETLK, F_WRLCK, 0, 0));
    close(fd);
    close(read_only);
    close(write_only);
}

static void deadlock(void) {
    int fd = opened();
    set(fd, F_SETLK, F_WRLCK, 0, 1);
    pid_t child = fork();
    if (child == 0) {
        set(fd, F_SETLK, F_WRLCK, 1, 1);
        pass(to_parent);
        say("child got the first: %s", set(fd, F_SETLKW, F_WRLCK, 0, 1));
        _exit(0);
    }
    wait_for(to_parent);
    nap(WHILE);
    say("each waits for the other: %s", set(fd, F_SETLKW, F_WRLCK, 1, 1));
    say("a read lock, too: %s", set(fd, F_SETLKW, F_RDLCK, 0, 0));
    set(fd, F_SETLK, F_UNLCK, 0, 0);
    say("child: %s", await(child));
    close(fd);
}

static void on_alarm(int signo) { (void)signo; }

static void interrupted(int flags) {
    int fd = opened();
    set(fd, F_SETLK, F_WRLCK, 0, 0);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
        sigaction(SIGUSR1, &action, NULL);
        pass(to_parent);
        say("record: %s", set(fd, F_SETLKW, F_WRLCK, 0, 1));
        _exit(0);
    }
    wait_for(to_parent);
    nap(WHILE);
    kill(child, SIGUSR1);
    nap(WHILE);
    set(fd, F_SETLK, F_UNLCK, 0, 0);
    say("child: %s", await(child));
    int other = opened();
    flock(fd, LOCK_EX);
    child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
        sigaction(SIGUSR1, &action, NULL);
        pass(to_parent);
        say("whole file: %s", error(flock(other, LOCK_SH)));
        _exit(0);
    }
    wait_for(to_parent);
    nap(WHILE);
    kill(child, SIGUSR1);
    nap(WHILE);
    flock(fd, LOCK_UN);
    say("child: %s", await(child));
    close(fd);
    close(other);
}

static void descriptions(void) {
    int one = opened(), two = opened();
    say("description: %s", set(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    say("another of the process: %s", set(two, F_OFD_SETLK, F_WRLCK, 9, 10));
    say("the process itself: %s", set(two, F_SETLK, F_RDLCK, 9, 10));
    say("who: %s", test(two, F_GETLK, F_RDLCK, 0, 0));
    struct flock named = record(F_WRLCK, 50, 1);
    named.l_pid = getpid();
    say("with a pid: %s", error(fcntl(one, F_OFD_SETLK, &named)));
    pid_t child = fork();
    if (child == 0) {
        say("the child has it, too: %s", set(one, F_OFD_SETLK, F_WRLCK, 5, 10));
        say("against the other: %s", set(two, F_OFD_SETLK, F_WRLCK, 12, 1));
        say("and may give it back: %s", set(one, F_OFD_SETLK, F_UNLCK, 0, 5));
        pass(to_parent);
        wait_for(to_child);
        _exit(0);
    }
    wait_for(to_parent);
    say("what is left: %s", test(two, F_OFD_GETLK, F_WRLCK, 0, 0));
    close(one);
    say("closed here, open in the child: %s", test(two, F_OFD_GETLK, F_WRLCK, 0, 0));
    pass(to_child);
    say("child: %s", await(child));
    say("closed everywhere: %s", test(two, F_OFD_GETLK, F_WRLCK, 0, 0));
    close(two);
}

static void *lock_later(void *argument) {
    int *fds = argument;
    pass(to_parent);
    const char *got = set(fds[1], F_OFD_SETLKW, F_WRLCK, 0, 0);
    wait_for(to_child);
    say("thread got it: %s", got);
    return NULL;
}

static void *lock_whole_later(void *argument) {
    int *fds = argument;
    pass(to_parent);
    const char *got = error(flock(fds[1], LOCK_EX));
    wait_for(to_child);
    say("thread got it: %s", got);
    return NULL;
}

static void *lock_record(void *argument) {
    int *fds = argument;
    say("thread, same process: %s", set(fds[1], F_SETLKW, F_WRLCK, 0, 0));
    return NULL;
}

static void threads(void) {
    int fds[2] = {opened(), opened()};
    pthread_t thread;
    say("record: %s", set(fds[0], F_SETLK, F_WRLCK, 0, 0));
    pthread_create(&thread, NULL, lock_record, fds);
    pthread_join(thread, NULL);
    set(fds[0], F_SETLK, F_UNLCK, 0, 0);
    say("description: %s", set(fds[0], F_OFD_SETLK, F_WRLCK, 0, 0));
    pthread_create(&thread, NULL, lock_later, fds);
    wait_for(to_parent);
    nap(WHILE);
    say("let go: %s", set(fds[0], F_OFD_SETLK, F_UNLCK, 0, 0));
    pass(to_child);
    pthread_join(thread, NULL);
    set(fds[1], F_OFD_SETLK, F_UNLCK, 0, 0);
    say("whole: %s", error(flock(fds[0], LOCK_EX)));
    pthread_create(&thread, NULL, lock_whole_later, fds);
    wait_for(to_parent);
    nap(WHILE);
    say("let go: %s", error(flock(fds[0], LOCK_UN)));
    pass(to_child);
    pthread_join(thread, NULL);
    close(fds[0]);
    close(fds[1]);
}

static void whole_files(void) {
    int one = opened(), two = opened(), same = dup(one), read_only = open(path, O_RDONLY);
    say("one: %s", error(flock(one, LOCK_SH)));
    say("two: %s", error(flock(two, LOCK_SH | LOCK_NB)));
    say("two alone: %s", error(flock(two, LOCK_EX | LOCK_NB)));
    say("the try cost two its lock: %s", error(flock(one, LOCK_EX | LOCK_NB)));
    say("records do not mind: %s", set(two, F_SETLK, F_WRLCK, 0, 0));
    close(one);
    say("a duplicate keeps it: %s", error(flock(two, LOCK_SH | LOCK_NB)));
    pid_t child = fork();
    if (child == 0) {
        say("the child has it, too: %s", error(flock(same, LOCK_EX | LOCK_NB)));
        say("a reader may ask: %s", error(flock(read_only, LOCK_EX | LOCK_NB)));
        pass(to_parent);
        say("reader waits: %s", error(flock(read_only, LOCK_EX)));
        _exit(0);
    }
    wait_for(to_parent);
    nap(WHILE);
    close(same);
    /* The child has a copy of `same`, so the lock stays until it is told to go. */
    say("open in the child: %s", error(flock(two, LOCK_SH | LOCK_NB)));
    kill(child, SIGKILL);
    say("child: %s", await(child));
    say("now: %s", error(flock(two, LOCK_EX | LOCK_NB)));
    say("no such: %s", error(flock(two, 3)));
    say("nothing: %s", error(flock(two, LOCK_NB)));
    say("closed: %s", error(flock(same, LOCK_SH)));
    int ends[2];
    pipe(ends);
    say("a pipe: %s", error(flock(ends[0], LOCK_EX)));
    say("its other end: %s", error(flock(ends[1], LOCK_SH | LOCK_NB)));
    say("a record of it: %s", set(ends[1], F_SETLK, F_WRLCK, 0, 0));
    int place = open(path, O_PATH);
    say("a place: %s", error(flock(place, LOCK_SH)));
    say("a record of a place: %s", set(place, F_SETLK, F_RDLCK, 0, 0));
    say("a place's flags: %s", error(fcntl(place, F_GETFD)));
    close(place);
    close(ends[0]);
    close(ends[1]);
    close(two);
    close(read_only);
}

/* Many processes add to one number in the file. */
static void counting(const char *how) {
    enum { PROCESSES = 4, ROUNDS = 25 };
    long number = 0;
    int fd = opened();
    pwrite(fd, &number, sizeof number, 0);
    close(fd);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            fd = opened();
            for (int round = 0; round < ROUNDS; round++) {
                if (*how == 'r') set(fd, F_SETLKW, F_WRLCK, 0, 8);
                else if (*how == 'd') set(fd, F_OFD_SETLKW, F_WRLCK, 0, 8);
                else flock(fd, LOCK_EX);
                pread(fd, &number, sizeof number, 0);
                sched_yield();
                number++;
                pwrite(fd, &number, sizeof number, 0);
                if (*how == 'r') set(fd, F_SETLK, F_UNLCK, 0, 8);
                else if (*how == 'd') set(fd, F_OFD_SETLK, F_UNLCK, 0, 8);
                else flock(fd, LOCK_UN);
            }
            _exit(0);
        }
    for (int i = 0; i < PROCESSES; i++) wait(NULL);
    fd = opened();
    pread(fd, &number, sizeof number, 0);
    say("%s: %ld", how, number);
    close(fd);
}

int main(void) {
    if (pipe(to_child) != 0 || pipe(to_parent) != 0) return 1;
    close(mkstemp(path));
    records();
    shared_reading();
    deadlock();
    interrupted(0);
    interrupted(SA_RESTART);
    descriptions();
    threads();
    whole_files();
    counting("records");
    counting("descriptions");
    counting("whole file");
    unlink(path);
    return 0;
}
