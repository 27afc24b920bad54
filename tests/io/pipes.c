#include "show.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <time.h>

static volatile int pipes_broken;
static void on_pipe(int signal)
{
	(void)signal;
	pipes_broken++;
}

static unsigned hash;
static void *drain(void *argument)
{
	int fd = *(int *)argument;
	unsigned char buffer[3000];
	ssize_t n;
	long total = 0;
	while ((n = read(fd, buffer, 1 + total % 3000)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			hash = hash * 31 + buffer[i];
		total += n;
	}
	return (void *)total;
}

static void *later(void *argument)
{
	struct timespec t = { 0, 20000000 };
	nanosleep(&t, NULL);
	write(*(int *)argument, "x", 1);
	return NULL;
}

static void show_poll(struct pollfd *p, int n, int timeout)
{
	for (int i = 0; i < n; i++)
		p[i].revents = 0x7fff;
	int result = poll(p, n, timeout);
	printf("poll %d:", result);
	for (int i = 0; i < n; i++)
		printf(" %x", p[i].revents);
	printf("\n");
}

static long elapsed_ms(struct timespec *from)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

int main(void)
{
	int p[2];
	char buffer[70000];
	memset(buffer, 'a', sizeof buffer);
	signal(SIGPIPE, on_pipe);
	SHOW(pipe(p));
	SHOW(pipe2(p, 0x80000000));
	SHOW(write(p[1], "hello", 5));
	int available;
	SHOW(ioctl(p[0], FIONREAD, &available));
	SHOW(available);
	SHOW(read(p[0], buffer, 3));
	SHOW(read(p[0], buffer, 100));
	SHOW(read(p[1], buffer, 1));
	SHOW(write(p[0], buffer, 1));
	SHOW(lseek(p[0], 0, SEEK_SET));
	SHOW(pread(p[0], buffer, 1, 0));
	SHOW(fcntl(p[0], F_SETFL, O_NONBLOCK));
	SHOW(fcntl(p[1], F_SETFL, O_NONBLOCK));
	SHOW(read(p[0], buffer, 1));
	struct pollfd f[3] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 }, { -1, POLLIN, 0 } };
	show_poll(f, 3, 0);
	SHOW(write(p[1], buffer, 70000));
	SHOW(write(p[1], buffer, 1));
	show_poll(f, 3, 0);
	SHOW(read(p[0], buffer, 4096));
	show_poll(f, 3, 0);
	SHOW(write(p[1], buffer, 4096));
	SHOW(fcntl(p[0], F_GETPIPE_SZ));
	while (read(p[0], buffer, sizeof buffer) > 0)
		;
	SHOW(close(p[1]));
	SHOW(read(p[0], buffer, 1));
	f[1].fd = 77;
	show_poll(f, 3, 0);
	SHOW(close(p[0]));
	SHOW(pipe(p));
	SHOW(close(p[0]));
	SHOW(write(p[1], "x", 1));
	SHOW(pipes_broken);
	f[1].fd = p[1];
	show_poll(f + 1, 1, 0);
	SHOW(close(p[1]));

	pthread_t t;
	void *result;
	SHOW(pipe(p));
	SHOW(pthread_create(&t, NULL, drain, &p[0]));
	unsigned expected = 0;
	for (int i = 0; i < 200; i++) {
		for (int j = 0; j < i * 7; j++) {
			buffer[j] = (char)(i * 13 + j);
			expected = expected * 31 + (unsigned char)buffer[j];
		}
		if (write(p[1], buffer, i * 7) != i * 7)
			printf("short write\n");
	}
	SHOW(write(p[1], memset(buffer, 7, sizeof buffer), 70000));
	for (int i = 0; i < 70000; i++)
		expected = expected * 31 + 7;
	SHOW(close(p[1]));
	SHOW(pthread_join(t, &result));
	SHOW(result);
	SHOW(hash == expected);
	SHOW(close(p[0]));

	int e = eventfd(3, EFD_NONBLOCK);
	uint64_t value;
	SHOW(read(e, &value, 8));
	SHOW(value);
	SHOW(read(e, &value, 8));
	SHOW(read(e, &value, 4));
	value = 5;
	SHOW(write(e, &value, 8));
	SHOW(write(e, &value, 8));
	SHOW(read(e, &value, 8));
	SHOW(value);
	value = -1;
	SHOW(write(e, &value, 8));
	value = -2;
	SHOW(write(e, &value, 8));
	value = 1;
	SHOW(write(e, &value, 8));
	f[0] = (struct pollfd){ e, POLLIN | POLLOUT, 0 };
	show_poll(f, 1, 0);
	int s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	SHOW(read(s, &value, 8));
	SHOW(value);
	SHOW(read(s, &value, 8));
	SHOW(read(s, &value, 8));

	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec setting = { { 0, 10000000 }, { 0, 15000000 } }, old;
	SHOW(timerfd_settime(timer, 0, &setting, NULL));
	SHOW(read(timer, &value, 8));
	f[0] = (struct pollfd){ timer, POLLIN, 0 };
	struct timespec start;
	clock_gettime(CLOCK_MONOTONIC, &start);
	show_poll(f, 1, 1000);
	long ms = elapsed_ms(&start);
	SHOW(ms >= 14 && ms < 60);
	struct timespec nap = { 0, 25000000 };
	nanosleep(&nap, NULL);
	SHOW(read(timer, &value, 8));
	SHOW(value >= 2 && value < 8);
	setting = (struct itimerspec){ { 0, 0 }, { 0, 0 } };
	SHOW(timerfd_settime(timer, 0, &setting, &old));
	SHOW(old.it_interval.tv_nsec);
	SHOW(timerfd_gettime(timer, &old));
	SHOW(old.it_value.tv_nsec);
	show_poll(f, 1, 20);

	SHOW(pipe(p));
	fd_set reads, writes;
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_SET(p[0], &reads);
	FD_SET(p[1], &writes);
	struct timeval wait = { 0, 30000 };
	SHOW(select(p[1] + 1, &reads, &writes, NULL, &wait));
	SHOW(FD_ISSET(p[0], &reads) != 0);
	SHOW(FD_ISSET(p[1], &writes) != 0);
	FD_SET(p[0], &reads);
	clock_gettime(CLOCK_MONOTONIC, &start);
	SHOW(select(p[0] + 1, &reads, NULL, NULL, &wait));
	ms = elapsed_ms(&start);
	SHOW(ms >= 29 && ms < 90);
	FD_SET(p[0], &reads);
	SHOW(pthread_create(&t, NULL, later, &p[1]));
	wait.tv_sec = 5;
	SHOW(select(p[0] + 1, &reads, NULL, NULL, &wait));
	SHOW(FD_ISSET(p[0], &reads) != 0);
	SHOW(pthread_join(t, NULL));
	FD_SET(60, &reads);
	SHOW(select(61, &reads, NULL, NULL, &wait));
	SHOW(ioctl(p[0], TIOCGWINSZ, buffer));
	SHOW(isatty(p[0]));
	return 0;
}
