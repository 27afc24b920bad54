/* For the programs here: they print what they see, one line at a time, without anything that differs from run to run. */
#ifndef SAY_H
#define SAY_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One write per line: processes that share the terminal do not mix theirs. */
__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(1, line, length) != length) _exit(99);
}

/* errno's name, so far as it occurs here. */
__attribute__((unused)) static const char *error(long result) {
    if (result >= 0) return "ok";
    switch (errno) {
        case ECHILD: return "ECHILD";
        case ESRCH: return "ESRCH";
        case EINVAL: return "EINVAL";
        case ENOENT: return "ENOENT";
        case EACCES: return "EACCES";
        case ENOEXEC: return "ENOEXEC";
        case EPERM: return "EPERM";
        case EINTR: return "EINTR";
        case EPIPE: return "EPIPE";
        case EFAULT: return "EFAULT";
        case E2BIG: return "E2BIG";
        case EAGAIN: return "EAGAIN";
        case EBADF: return "EBADF";
        case ELOOP: return "ELOOP";
        case ENOTDIR: return "ENOTDIR";
        case EDEADLK: return "EDEADLK";
        default: return "another error";
    }
}

/* "exit 3", "signal 9". */
__attribute__((unused)) static const char *ending(int status) {
    static char text[64];
    if (WIFEXITED(status)) snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
    else snprintf(text, sizeof text, "status %x", status);
    return text;
}

__attribute__((unused)) static const char *await(pid_t pid) {
    int status;
    pid_t got = waitpid(pid, &status, 0);
    return got > 0 ? ending(status) : error(got);
}

__attribute__((unused)) static void *shared(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) _exit(98);
    return at;
}
#endif
