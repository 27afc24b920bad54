/* A shell for machines without one: `sh -c "command; command"` with echo, cat, exit and kill. Quotes and variables it does not know, $$ it does. */
#include "say.h"

static int run(char *command) {
    char *words[16];
    int count = 0;
    for (char *word = strtok(command, " "); word != NULL && count < 15; word = strtok(NULL, " ")) words[count++] = word;
    words[count] = NULL;
    if (count == 0) return 0;
    if (strcmp(words[0], "exit") == 0) exit(count > 1 ? atoi(words[1]) : 0);
    if (strcmp(words[0], "echo") == 0) {
        for (int i = 1; i < count; i++) printf(i > 1 ? " %s" : "%s", words[i]);
        printf("\n");
        fflush(stdout);
        return 0;
    }
    if (strcmp(words[0], "kill") == 0) return kill(strcmp(words[2], "$$") == 0 ? getpid() : atoi(words[2]), -atoi(words[1]));
    pid_t child = fork();
    if (child == 0) {
        if (strcmp(words[0], "cat") == 0) {
            char buffer[512];
            ssize_t got;
            while ((got = read(0, buffer, sizeof buffer)) > 0) write(1, buffer, got);
            _exit(0);
        }
        execvp(words[0], words);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **arguments) {
    int at = 1;
    while (at < count && arguments[at][0] == '-' && strcmp(arguments[at], "-c") != 0) at++;
    if (at + 1 < count && strcmp(arguments[at], "-c") == 0) at++;
    if (at < count && strcmp(arguments[at], "--") == 0) at++;
    if (at >= count) return 2;
    int status = 0;
    char *rest = arguments[at];
    while (rest != NULL) {
        char *command = rest;
        rest = strchr(command, ';');
        if (rest != NULL) *rest++ = 0;
        status = run(command);
    }
    return status;
}
