/* Guest loops of `npm run bench` around kernel services. Prints "begin" and "end" around what is measured: the host notes the time of both.
 * Usage: calls syscalls N | migrate N | views MIB N */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MMVIEW = 1000, CREATE = 0, DELETE = 1, MIGRATE = 3, UNSHARE = 4 };

static void say(const char *line) {
  if (write(1, line, strlen(line)) < 0) _exit(3);
}

static void check(long result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(2);
}

static char window[1 << 21] __attribute__((aligned(1 << 21)));

int main(int argc, char **argv) {
  const char *kind = argc > 1 ? argv[1] : "";
  if (strcmp(kind, "syscalls") == 0) {
    long count = atol(argv[2]);
    say("begin\n");
    for (long i = 0; i < count; i++) syscall(SYS_getppid);
    say("end\n");
    return 0;
  }
  check(syscall(MMVIEW, UNSHARE, window, sizeof window), "unshare");
  window[0] = 1;
  if (strcmp(kind, "migrate") == 0) {
    long count = atol(argv[2]), view = syscall(MMVIEW, CREATE);
    check(view, "create");
    say("begin\n");
    for (long i = 0; i < count; i++) {
      if (syscall(MMVIEW, MIGRATE, view) != 0) return 4;
      if (syscall(MMVIEW, MIGRATE, 0) != view) return 5;
    }
    say("end\n");
    return 0;
  }
  if (strcmp(kind, "views") == 0) {
    size_t size = (size_t)atol(argv[2]) << 20;
    long count = atol(argv[3]);
    volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) check(-1, "mmap");
    char sum = 0;
    for (size_t at = 0; at < size; at += 4096) sum += memory[at]; /* every page is mapped */
    say("begin\n");
    for (long i = 0; i < count; i++) {
      long view = syscall(MMVIEW, CREATE);
      check(view, "create");
      check(syscall(MMVIEW, DELETE, view), "delete");
    }
    say("end\n");
    return sum;
  }
  return 1;
}
