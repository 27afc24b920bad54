/* Writes "new" over "old" in /root/file in the way that argv[1] says, tells that it has, and waits for the end of its world. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void check(long result, const char *what) {
    if (result >= 0) return;
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

static int opened(const char *path, int flags) {
    int fd = open(path, flags, 0644);
    check(fd, path);
    return fd;
}

static void put(int fd) { check(pwrite(fd, "new", 3, 0), "pwrite"); }

static void replace(int sync_directory) {
    int fd = opened("/root/fresh", O_RDWR | O_CREAT);
    put(fd);
    check(fsync(fd), "fsync");
    check(rename("/root/fresh", "/root/file"), "rename");
    if (sync_directory) check(fsync(opened("/root", O_RDONLY | O_DIRECTORY)), "fsync");
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "dsync") == 0) put(opened("/root/file", O_RDWR | O_DSYNC));
    else if (strcmp(how, "o_sync") == 0) put(opened("/root/file", O_RDWR | O_SYNC));
    else if (strcmp(how, "rename") == 0) replace(0);
    else if (strcmp(how, "rename and fsync") == 0) replace(1);
    else {
        int fd = opened("/root/file", O_RDWR);
        if (strcmp(how, "mapped") == 0 || strcmp(how, "msync") == 0 || strcmp(how, "msync, asynchronous") == 0) {
            char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            check(map == MAP_FAILED ? -1 : 0, "mmap");
            check(fsync(fd), "fsync");
            memcpy(map, "new", 3);
            if (strcmp(how, "msync") == 0) check(msync(map, 4096, MS_SYNC), "msync");
            if (strcmp(how, "msync, asynchronous") == 0) check(msync(map, 4096, MS_ASYNC), "msync");
        } else if (strcmp(how, "pwritev2") == 0) {
            struct iovec part = {"new", 3};
            check(syscall(SYS_pwritev2, fd, &part, 1l, 0l, 0l, 2 /* RWF_DSYNC */), "pwritev2");
        } else {
            put(fd);
            if (strcmp(how, "fsync") == 0) check(fsync(fd), how);
            if (strcmp(how, "fdatasync") == 0) check(fdatasync(fd), how);
            if (strcmp(how, "sync") == 0) sync();
            if (strcmp(how, "syncfs") == 0) check(syncfs(fd), how);
            if (strcmp(how, "sync_file_range") == 0) check(sync_file_range(fd, 0, 0, 7), how);
        }
    }
    printf("done\n");
    fflush(stdout);
    pause();
}
