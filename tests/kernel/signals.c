// Signals: handlers, masks, queues, alternate stacks, interrupted calls. Registers must survive handlers.
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define TELL(what, call, error)                                             \
  do {                                                                      \
    int result = (int)(call);                                               \
    printf(what " %d %d\n", result, result == -1 && errno == (error));      \
  } while (0)

static volatile sig_atomic_t got, count;
static volatile double scratch;

static void install(int signo, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(signo, &action, NULL);
}
static void install_info(int signo, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(signo, &action, NULL);
}

// Uses every kind of register.
static void busy(int signo) {
  double x = 1.5;
  long double y = 2.25L;
  for (int i = 0; i < 20; i++) {
    x = x * 1.1 + sqrt(x);
    y = y * 1.5L - x;
  }
  scratch = x + (double)y;
  got = signo;
  count++;
}

static void tell(int signo, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  printf("signal %d code %d value %d from me %d, mask has it %d\n", signo, info->si_code,
         info->si_code == SI_QUEUE ? info->si_value.sival_int : 0, info->si_pid == getpid(),
         sigismember(&uc->uc_sigmask, SIGUSR2));
}

static void nested(int signo) {
  static int depth;
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  printf("depth %d blocked %d\n", ++depth, sigismember(&now, signo));
  if (depth < 3) raise(signo);
  depth--;
}

static void where(int signo) {
  (void)signo;
  char here;
  stack_t stack;
  sigaltstack(NULL, &stack);
  printf("on the alternate stack %d, flags %d\n",
         &here > (char *)stack.ss_sp && &here < (char *)stack.ss_sp + stack.ss_size, stack.ss_flags);
}

static void *await(void *unused) {
  (void)unused;
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  int signo;
  sigwait(&set, &signo);
  printf("sigwait %d\n", signo == SIGUSR2);
  struct timespec brief = {0, 1000000};
  TELL("sigtimedwait", sigtimedwait(&set, &info, &brief), EAGAIN);
  return NULL;
}

static pthread_barrier_t barrier;
static void *sleeper(void *unused) {
  (void)unused;
  pthread_barrier_wait(&barrier);
  struct timespec time = {100, 0}, left;
  int result = nanosleep(&time, &left);
  printf("sleeper woken %d %d, left %d\n", result, errno == EINTR, left.tv_sec >= 98);
  return NULL;
}

int main(void) {
  install(SIGUSR1, busy, 0);
  double a = 2.0;
  long double b = 1.0L / 3;
  for (int i = 0; i < 5; i++) {
    a *= 1.7;
    raise(SIGUSR1);
    b *= 2;
  }
  printf("kept %.12f %.15Lf, handled %d\n", a, b, (int)count);

  sigset_t set, old, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &old);
  got = 0;
  raise(SIGUSR1);
  raise(SIGUSR1);
  sigpending(&pending);
  printf("blocked: got %d pending %d\n", (int)got, sigismember(&pending, SIGUSR1));
  count = 0;
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("unblocked: got %d, %d times\n", (int)got, (int)count);

  install_info(SIGRTMIN + 1, tell, 0);
  install_info(SIGUSR2, tell, 0);
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (int i = 1; i <= 3; i++) sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  kill(getpid(), SIGUSR2);

  install(SIGUSR1, nested, SA_NODEFER);
  raise(SIGUSR1);
  install(SIGUSR1, busy, SA_RESETHAND);
  raise(SIGUSR1);
  struct sigaction action;
  sigaction(SIGUSR1, NULL, &action);
  printf("reset to default %d\n", action.sa_handler == SIG_DFL);
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  printf("ignored\n");

  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, NULL);
  install(SIGUSR1, where, SA_ONSTACK);
  raise(SIGUSR1);
  install(SIGUSR1, where, 0);
  raise(SIGUSR1);
  memset(&stack, 0, sizeof stack);
  sigaltstack(NULL, &stack);
  printf("back, flags %d\n", stack.ss_flags);

  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, await, NULL);
  usleep(1000);
  kill(getpid(), SIGUSR2);
  pthread_join(thread, NULL);

  install(SIGUSR1, busy, 0);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, sleeper, NULL);
  pthread_barrier_wait(&barrier);
  usleep(5000);
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);

  // A read that starts again, and one that does not.
  int pipes[2];
  char byte;
  if (pipe(pipes) != 0) return 1;
  struct itimerval soon = {{0, 0}, {0, 3000}};
  install(SIGALRM, busy, 0);
  setitimer(ITIMER_REAL, &soon, NULL);
  TELL("read", read(pipes[0], &byte, 1), EINTR);
  install(SIGALRM, busy, SA_RESTART);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  struct itimerspec often = {{0, 1000000}, {0, 1000000}};
  count = 0;
  timer_settime(timer, 0, &often, NULL);
  while (count < 3) pause();
  printf("timer fired\n");
  close(pipes[1]);
  printf("read after all %d\n", (int)read(pipes[0], &byte, 1));
  timer_delete(timer);

  sigfillset(&set);
  sigdelset(&set, SIGALRM);
  setitimer(ITIMER_REAL, &soon, NULL);
  TELL("suspend", sigsuspend(&set), EINTR);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  printf("mask restored %d\n", sigismember(&now, SIGUSR2) && !sigismember(&now, SIGINT));

  install(SIGPIPE, busy, 0);
  if (pipe(pipes) != 0) return 1;
  close(pipes[0]);
  got = 0;
  TELL("write", write(pipes[1], "x", 1), EPIPE);
  printf("got %d\n", got == SIGPIPE);
  fflush(stdout);
  signal(SIGTERM, SIG_DFL);
  kill(getpid(), SIGTERM);
  return 1;
}
