// Clocks and timers: durations are what was asked for, within the accuracy of a busy host.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TELL(what, call, error)                                             \
  do {                                                                      \
    int result = (call);                                                    \
    printf(what ": %d %d\n", result, result == -1 && errno == (error));     \
  } while (0)

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}
static int about(double measured, double wanted) { return measured >= wanted * 0.999 && measured < wanted + 0.5; }
static volatile int alarms;
static void count(int signo) { (void)signo; alarms++; }

int main(void) {
  clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW};
  for (int i = 0; i < 4; i++) {
    double before = seconds(clocks[i]);
    struct timespec wait = {0, 30000000};
    nanosleep(&wait, NULL);
    printf("clock %d: %d\n", i, about(seconds(clocks[i]) - before, 0.03));
  }
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  double before = seconds(CLOCK_MONOTONIC);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  TELL("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
  printf("took %d\n", about(seconds(CLOCK_MONOTONIC) - before, 0.02));
  printf("past: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
  struct timespec bad = {0, 1000000000};
  TELL("bad", nanosleep(&bad, NULL), EINVAL);
  struct timespec reading;
  TELL("no clock", clock_gettime(99, &reading), EINVAL);
  struct timeval day;
  gettimeofday(&day, NULL);
  printf("time agrees: %d\n", time(NULL) - day.tv_sec <= 1 && day.tv_sec > 1600000000);

  double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
  volatile unsigned long work = 0;
  while (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu < 0.002) work++;
  printf("worked %d\n", work > 0 && seconds(CLOCK_PROCESS_CPUTIME_ID) >= 0.002);
  double slept = seconds(CLOCK_THREAD_CPUTIME_ID);
  usleep(50000);
  printf("sleeping takes no CPU time: %d\n", seconds(CLOCK_THREAD_CPUTIME_ID) - slept < 0.04);
  struct rusage usage;
  TELL("rusage", getrusage(RUSAGE_SELF, &usage), 0);
  printf("used %d\n", usage.ru_maxrss > 0 && usage.ru_nvcsw > 0);
  struct tms used;
  printf("times %d\n", times(&used) != (clock_t)-1);

  signal(SIGALRM, count);
  struct itimerval often = {{0, 4000}, {0, 2000}}, old;
  setitimer(ITIMER_REAL, &often, NULL);
  while (alarms < 4) pause();
  getitimer(ITIMER_REAL, &old);
  printf("interval %ld, left %d\n", (long)old.it_interval.tv_usec, old.it_value.tv_usec <= 4000);
  struct itimerval off = {0};
  setitimer(ITIMER_REAL, &off, NULL);
  alarm(5);
  printf("alarm had %d\n", alarm(0) == 5);

  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  printf("timer %d\n", timer_create(CLOCK_REALTIME, &event, &timer));
  struct itimerspec later = {{0, 0}, {10, 0}}, left;
  timer_settime(timer, 0, &later, NULL);
  timer_gettime(timer, &left);
  printf("left %d\n", left.it_value.tv_sec >= 9);
  TELL("delete", timer_delete(timer), 0);

  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(1, &cpus);
  printf("affinity %d", sched_setaffinity(0, sizeof cpus, &cpus));
  printf(", on %d\n", sched_getcpu());
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  printf("allowed %d\n", CPU_COUNT(&cpus) == 1 && CPU_ISSET(1, &cpus));
  char name[17] = {0};
  prctl(PR_SET_NAME, "a-long-name-for-a-thread");
  prctl(PR_GET_NAME, name);
  printf("name %s\n", name);
  int usual = prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L), status;
  prctl(PR_SET_TIMERSLACK, 50007L, 0L, 0L, 0L);
  fflush(stdout);
  if (fork() == 0) {
    int inherited = prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L);
    prctl(PR_SET_TIMERSLACK, 60000L, 0L, 0L, 0L);
    prctl(PR_SET_TIMERSLACK, 0L, 0L, 0L, 0L);
    _exit((inherited == 50007) + 2 * (prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L) == 50007));
  }
  wait(&status);
  prctl(PR_SET_TIMERSLACK, 0L, 0L, 0L, 0L);
  printf("timer slack %d, %d\n", WEXITSTATUS(status), prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L) == usual);
  struct utsname names;
  uname(&names);
  printf("%s\n", names.sysname);
  struct rlimit limit;
  TELL("limits", getrlimit(RLIMIT_STACK, &limit), 0);
  printf("stack %d\n", limit.rlim_cur == 8 << 20);
  return 0;
}
