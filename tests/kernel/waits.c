// Waiting for descriptors and signals at once: ppoll, pselect, sigwaitinfo, sigtimedwait.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TELL(what, call, error)                                             \
  do {                                                                      \
    errno = 0;                                                              \
    int result = (int)(call);                                               \
    printf(what ": %d %d\n", result, result == -1 && errno == (error));     \
  } while (0)

static volatile sig_atomic_t handled;
static void on_signal(int signo) { handled = signo; }
static int pipes[2];
static sigset_t only(int signo) {
  sigset_t set;
  sigemptyset(&set);
  if (signo != 0) sigaddset(&set, signo);
  return set;
}
static int blocked(int signo) {
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  return sigismember(&now, signo);
}

struct later {
  pthread_t thread;
  int signo;
  int with_value;
};
static void *send_later(void *argument) {
  struct later *later = argument;
  usleep(100000);
  if (later->signo == 0) return (void *)(long)write(pipes[1], "x", 1);
  if (later->with_value) sigqueue(getpid(), later->signo, (union sigval){.sival_int = 42});
  else pthread_kill(later->thread, later->signo);
  return NULL;
}
static pthread_t helper;
static struct later plan;
static void soon(int signo, int with_value) {
  plan = (struct later){pthread_self(), signo, with_value};
  pthread_create(&helper, NULL, send_later, &plan);
}
/* The libraries go on after EINTR, or change the code. */
static int kernel_wait(const sigset_t *set, siginfo_t *info) { return syscall(SYS_rt_sigtimedwait, set, info, NULL, 8L); }
static void done(void) { pthread_join(helper, NULL); }

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(pipes) != 0) return 1;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  sigset_t mine = only(SIGUSR1), none = only(0), old;
  sigaddset(&mine, SIGUSR2);
  sigaddset(&mine, SIGRTMIN + 2);
  pthread_sigmask(SIG_BLOCK, &mine, &old);
  struct pollfd entry = {pipes[0], POLLIN, 0};
  struct timespec brief = {0, 20000000}, left = {5, 0}, nothing = {0, 0}, bad = {0, 1000000000};

  // A signal that is blocked ends nothing; one that the call lets through does, and its handler runs.
  raise(SIGUSR1);
  TELL("ppoll, blocked", ppoll(&entry, 1, &brief, NULL), EINTR);
  printf("handled %d\n", (int)handled);
  TELL("ppoll, open", ppoll(&entry, 1, &left, &none), EINTR);
  printf("handled %d, blocked again %d\n", handled == SIGUSR1, blocked(SIGUSR1));
  handled = 0;
  soon(SIGUSR1, 0);
  TELL("ppoll, later", ppoll(&entry, 1, NULL, &none), EINTR);
  done();
  printf("handled %d, blocked again %d\n", handled == SIGUSR1, blocked(SIGUSR1));
  TELL("ppoll, bad time", ppoll(&entry, 1, &bad, NULL), EINVAL);
  soon(0, 0);
  TELL("ppoll, data", ppoll(&entry, 1, NULL, &none), EINTR);
  done();
  printf("events %d\n", entry.revents == POLLIN);
  left = brief;
  long result = syscall(SYS_ppoll, NULL, 0L, &left, NULL, 8L);
  printf("the kernel tells the time left: %ld %d\n", result, left.tv_sec == 0 && left.tv_nsec == 0);

  fd_set reads, writes, excepts;
  FD_ZERO(&reads);
  FD_ZERO(&writes);
  FD_ZERO(&excepts);
  FD_SET(pipes[0], &reads);
  FD_SET(pipes[1], &writes);
  FD_SET(pipes[0], &excepts);
  TELL("pselect, data", pselect(pipes[1] + 1, &reads, &writes, &excepts, NULL, &none), EINTR);
  printf("sets %d %d %d\n", FD_ISSET(pipes[0], &reads), FD_ISSET(pipes[1], &writes), FD_ISSET(pipes[0], &excepts));
  char byte;
  if (read(pipes[0], &byte, 1) != 1) return 1;
  handled = 0;
  raise(SIGUSR1);
  FD_SET(pipes[0], &reads);
  TELL("pselect, blocked", pselect(pipes[0] + 1, &reads, NULL, NULL, &brief, NULL), EINTR);
  printf("sets %d, handled %d\n", FD_ISSET(pipes[0], &reads), (int)handled);
  FD_SET(pipes[0], &reads);
  TELL("pselect, open", pselect(pipes[0] + 1, &reads, NULL, NULL, NULL, &none), EINTR);
  printf("handled %d, blocked again %d\n", handled == SIGUSR1, blocked(SIGUSR1));
  TELL("pselect, nothing but time", pselect(0, NULL, NULL, NULL, &brief, NULL), EINTR);
  TELL("pselect, too few", pselect(-1, NULL, NULL, NULL, &brief, NULL), EINVAL);
  // A low number: bits beyond the descriptor table are ignored, and how large the table is depends on the parent (fs/select.c).
  const int closed = dup(pipes[0]);
  close(closed);
  FD_SET(closed, &reads);
  TELL("pselect, closed", pselect(closed + 1, &reads, NULL, NULL, &brief, NULL), EBADF);
  TELL("poll, no time", poll(NULL, 0, 0), EINTR);
  TELL("poll, a while", poll(NULL, 0, 20), EINTR);

  // Signals as messages: the lower number first, queued ones with their values, each once.
  siginfo_t info;
  sigset_t waited = only(SIGUSR2);
  sigaddset(&waited, SIGRTMIN + 2);
  sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 1});
  sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 2});
  kill(getpid(), SIGUSR2);
  kill(getpid(), SIGUSR2);
  for (int i = 0; i < 3; i++) {
    int signo = sigwaitinfo(&waited, &info);
    printf("got %d, value %d, code %d, mine %d\n", signo == SIGUSR2 ? 1 : signo == SIGRTMIN + 2 ? 2 : 0,
           info.si_code == SI_QUEUE ? info.si_value.sival_int : 0, info.si_code, info.si_pid == getpid());
  }
  TELL("sigtimedwait, nothing left", sigtimedwait(&waited, &info, &nothing), EAGAIN);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  TELL("sigtimedwait, a while", sigtimedwait(&waited, &info, &brief), EAGAIN);
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("took a while %d\n", (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec >= 20000000);
  TELL("sigtimedwait, bad time", sigtimedwait(&waited, &info, &bad), EINVAL);
  soon(SIGUSR2, 1);
  int signo = sigwaitinfo(&waited, &info);
  done();
  printf("later %d, value %d\n", signo == SIGUSR2, info.si_value.sival_int);
  soon(SIGUSR2, 0);
  signo = kernel_wait(&waited, &info);
  done();
  printf("for this thread %d, code %d\n", signo == SIGUSR2, info.si_code == SI_TKILL);
  // Another signal's handler ends the wait, whatever SA_RESTART says.
  handled = 0;
  sigset_t one = only(SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &one, NULL);
  soon(SIGUSR1, 0);
  TELL("rt_sigtimedwait, interrupted", kernel_wait(&waited, &info), EINTR);
  done();
  printf("handled %d\n", handled == SIGUSR1);
  int signal_number = 0;
  kill(getpid(), SIGUSR2);
  printf("sigwait %d", sigwait(&waited, &signal_number));
  printf(" %d\n", signal_number == SIGUSR2);
  return 0;
}
