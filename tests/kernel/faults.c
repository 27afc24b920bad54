// Faults and where they happened: every si_addr is exact.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static sigjmp_buf back;
static char *expected;

static void handler(int signo, siginfo_t *info, void *context) {
  (void)context;
  printf("signal %d code %d address %s\n", signo, info->si_code,
         (char *)info->si_addr == expected ? "right" : "wrong");
  if ((char *)info->si_addr != expected) printf("  %p, not %p\n", info->si_addr, (void *)expected);
  siglongjmp(back, 1);
}

#define FAULT(what, at, ...)             \
  do {                                   \
    expected = (char *)(at);             \
    printf("%s: ", what);                \
    if (!sigsetjmp(back, 1)) {           \
      __VA_ARGS__;                       \
      printf("no fault\n");              \
    }                                    \
  } while (0)

typedef struct { long words[8]; } block;

static int recurse(volatile char *above) {
  volatile char frame[4096];
  frame[0] = above[0];
  return recurse(frame) + frame[1];
}
static void overflow(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  char here;
  long distance = &here - (char *)info->si_addr;
  printf("stack overflow, on another stack %d\n", distance > 100000 || distance < -100000);
  siglongjmp(back, 1);
}
static void *deep(void *unused) {
  (void)unused;
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  if (!sigsetjmp(back, 1)) recurse("x");
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 4; i++) sigaction(signals[i], &action, NULL);
  char *pages = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(pages + 4096, 4096, PROT_READ);
  mprotect(pages + 2 * 4096, 4096, PROT_NONE);
  munmap(pages + 3 * 4096, 4096);
  volatile long index = 11;
  volatile char *read_only = pages + 4096, *none = pages + 2 * 4096, *gone = pages + 3 * 4096;

  FAULT("write to read-only", read_only + 0x123, read_only[0x123] = 1);
  FAULT("read without rights", none + 8, (void)*(volatile long *)(none + 8));
  FAULT("unmapped", gone + 88, ((volatile long *)gone)[index] = 1);
  FAULT("null", 0, *(volatile int *)(index - index) = 1);
  FAULT("near null", 0x60, (void)((volatile block *)(index - index + 0x20))->words[8]);
  FAULT("byte", gone + 3, (void)gone[index - 8]);
  FAULT("jump", none + 16, ((void (*)(void))(none + 16))());
  FAULT("data is not code", pages, ((void (*)(void))pages)());
  FAULT("copy", gone, memcpy((char *)none - 4096 + 4088 - index + index, (char *)gone, 1 + (index & 1)));
  printf("written: %d\n", (pages[0] = 7));
  mprotect(pages + 2 * 4096, 4096, PROT_READ | PROT_WRITE);
  none[5] = 9;
  printf("after mprotect: %d\n", none[5]);

  pthread_t thread;
  pthread_create(&thread, NULL, deep, NULL);
  pthread_join(thread, NULL);
  signal(SIGSEGV, SIG_DFL);
  fflush(stdout);
  *(volatile int *)0x1230 = 1;
  return 0;
}
