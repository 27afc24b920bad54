/* execve: what a program that is executed finds. The program executes itself; the first argument says which part it plays. */
#include "say.h"

extern char **environ;
static char *self;

static int shows(int count, char **arguments) {
    for (int i = 1; i < count; i++) say("argument %d: %s", i, arguments[i]);
    for (char **variable = environ; *variable != NULL; variable++) say("environment: %s", *variable);
    return 7;
}

static int inherits(char **arguments) {
    int kept = atoi(arguments[2]), closed = atoi(arguments[3]);
    pid_t pid = atoi(arguments[4]);
    say("same process: %d", getpid() == pid && syscall(SYS_gettid) == pid);
    say("kept: %s, closed: %s", error(fcntl(kept, F_GETFD)), error(fcntl(closed, F_GETFD)));
    struct sigaction usr1, usr2, term;
    sigaction(SIGUSR1, NULL, &usr1);
    sigaction(SIGUSR2, NULL, &usr2);
    sigaction(SIGTERM, NULL, &term);
    say("handlers: default %d, ignored %d, default %d", usr1.sa_handler == SIG_DFL, usr2.sa_handler == SIG_IGN,
        term.sa_handler == SIG_DFL);
    sigset_t mask, pending;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    say("blocked: %d, pending: %d", sigismember(&mask, SIGHUP), sigismember(&pending, SIGHUP));
    stack_t stack;
    sigaltstack(NULL, &stack);
    say("alternate stack: %d", (stack.ss_flags & SS_DISABLE) != 0);
    say("alarm: %d", alarm(0) > 0);
    char cwd[100], exe[300];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[length < 0 ? 0 : length] = 0;
    say("in %s, still %s", getcwd(cwd, sizeof cwd), strcmp(exe, self) == 0 ? "itself" : exe);
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    int threads = 0;
    while (fgets(line, sizeof line, status) != NULL) sscanf(line, "Threads: %d", &threads);
    say("threads: %d", threads);
    return 0;
}

static void ignore(int signo) { (void)signo; }

static char pid_text[20], kept_text[20], closed_text[20];

static void executes_inherits(void) {
    snprintf(pid_text, sizeof pid_text, "%d", getpid());
    int kept = open("/", O_RDONLY), closed = open("/", O_RDONLY | O_CLOEXEC);
    snprintf(kept_text, sizeof kept_text, "%d", kept);
    snprintf(closed_text, sizeof closed_text, "%d", closed);
    signal(SIGUSR1, ignore);
    signal(SIGUSR2, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGHUP);
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    alarm(1000);
    chdir("/tmp");
    char *arguments[] = {"me", "inherits", kept_text, closed_text, pid_text, NULL};
    execv(self, arguments);
    _exit(90);
}

static void *from_thread(void *argument) {
    (void)argument;
    executes_inherits();
    return NULL;
}

static void *stays(void *argument) {
    (void)argument;
    for (;;) pause();
    return NULL;
}

static void errors(void) {
    char *none[] = {"x", NULL};
    say("nothing there: %s", error(execv("/nowhere", none)));
    say("no directory: %s", error(execv("/etc/passwd/x", none)));
    say("a directory: %s", error(execv("/tmp", none)));
    char name[] = "/tmp/exec-XXXXXX";
    int fd = mkstemp(name);
    write(fd, "neither a program nor a script\n", 31);
    close(fd);
    say("not executable: %s", error(execv(name, none)));
    chmod(name, 0755);
    say("no program: %s", error(execv(name, none)));
    say("bad pointer: %s", error(syscall(SYS_execve, self, 16L, NULL)));
    unlink(name);
    char *large = malloc(3 << 20);
    memset(large, 'x', (3 << 20) - 1);
    large[(3 << 20) - 1] = 0;
    char *much[] = {"x", large, NULL};
    say("too much: %s", execv(self, much) < 0 ? "refused" : "?");
    free(large);
}

static void script(const char *first_line, int mode) {
    char name[] = "/tmp/script";
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    dprintf(fd, "%s\nrest\n", first_line);
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"ignored", "one", "two", NULL};
        char *environment[] = {"A=1", NULL};
        if (mode == 0) execve(name, arguments, environment);
        say("script: %s", error(-1));
        _exit(1);
    }
    say("%s", await(child));
    unlink(name);
}

int main(int count, char **arguments) {
    static char path[300];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length] = 0;
    self = path;
    const char *part = count > 1 ? arguments[1] : "";
    if (strncmp(part, "shows", 5) == 0) return shows(count, arguments);
    if (strcmp(part, "inherits") == 0) return inherits(arguments);

    pid_t child = fork();
    if (child == 0) {
        char *with[] = {"me", "shows", "", "a b", "c", NULL};
        char *environment[] = {"X=1", "Y=two words", NULL};
        execve(self, with, environment);
        _exit(90);
    }
    say("%s", await(child));
    child = fork();
    if (child == 0) executes_inherits();
    say("%s", await(child));

    /* A thread executes: it becomes the process, all others are gone. */
    child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, stays, NULL);
        pthread_create(&thread, NULL, from_thread, NULL);
        for (;;) pause();
    }
    say("%s", await(child));
    errors();

    char line[400];
    snprintf(line, sizeof line, "#!%s shows", self);
    script(line, 0);
    snprintf(line, sizeof line, "#! %s  shows  with two ", self);
    script(line, 0);
    script("#!/nowhere/at/all", 0);

    child = fork();
    if (child == 0) {
        int fd = open(self, O_RDONLY | O_CLOEXEC);
        char *with[] = {"me", "shows", "by descriptor", NULL};
        char *environment[] = {NULL};
        syscall(SYS_execveat, fd, "", with, environment, AT_EMPTY_PATH);
        say("execveat: %s", error(-1));
        _exit(90);
    }
    say("%s", await(child));
    return 0;
}
