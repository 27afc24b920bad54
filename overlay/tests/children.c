/* A program that forks and executes, and knows nothing of variants: each process works in turn and tells by its exit code whether all was right. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int work(int number);

#ifdef VARIANT_CODE
int work(int number) {
    volatile int sum = number;
    for (int i = 0; i < 30 * (VARIANT_CODE + 1); i++) sum += i & 1 ? 1 : -1;
    return sum * 3;
}
#else

static int right(void) {
    for (int i = 0; i < 40; i++) {
        if (work(i) != 3 * i) return 0;
        getppid();
    }
    return 1;
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "executed") == 0) return right() ? 5 : 1;
    printf("parent %d\n", right());
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (i < 2) _exit(right() ? 4 : 1);
            char *with[] = {arguments[0], "executed", NULL};
            execv("/proc/self/exe", with);
            _exit(90);
        }
        int status;
        waitpid(child, &status, 0);
        printf("child %d: %d\n", i, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    printf("parent %d\n", right());
    return 0;
}
#endif
