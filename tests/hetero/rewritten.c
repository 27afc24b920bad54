/* Code that is written, executed, and written again at the same address with the same size: what the CPU lacks is refused in the new code as anywhere.
 * x86-64: the machine's CPUs have no POPCNT. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static sigjmp_buf back;

static void refused(int signo) {
  (void)signo;
  siglongjmp(back, 1);
}

static void call(const char *what, unsigned char *place, const unsigned char *code, size_t size) {
  // No system call between writing and calling: nothing but the page's rights tells the machine.
  memcpy(place, code, size);
  if (sigsetjmp(back, 0) != 0) {
    printf("%s: refused\n", what);
    return;
  }
  int (*function)(int) = (int (*)(int))(void *)place;
  printf("%s: %d\n", what, function(255));
}

int main(void) {
  const struct sigaction action = {.sa_handler = refused, .sa_flags = SA_NODEFER};
  sigaction(SIGILL, &action, NULL);
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 1;
  const unsigned char moves[] = {0x0f, 0x1f, 0x40, 0x00, 0x89, 0xf8, 0xc3};   /* nopl; mov eax, edi; ret */
  const unsigned char counts[] = {0xf3, 0x0f, 0xb8, 0xc7, 0x90, 0x90, 0xc3};  /* popcnt eax, edi; nop; nop; ret */
  call("before", page, moves, sizeof moves);
  call("rewritten", page, counts, sizeof counts);
  call("elsewhere", page + 64, counts, sizeof counts);
  call("again", page, moves, sizeof moves);
  return 0;
}
