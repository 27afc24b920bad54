#include "show.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { CLIENTS = 16, ROUNDS = 40 };
static struct sockaddr_in address;
static int failures;

static void show_wait(int ep, int most, int timeout)
{
	struct epoll_event events[8];
	int n = epoll_wait(ep, events, most, timeout);
	printf("epoll_wait %d:", n);
	for (int i = 0; i < n; i++)
		printf(" %x/%lx", events[i].events, (unsigned long)events[i].data.u64);
	printf("\n");
}

static int control(int ep, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };
	return epoll_ctl(ep, operation, fd, &e);
}

static void *client(void *argument)
{
	long id = (long)argument;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		__sync_fetch_and_add(&failures, 1);
		return NULL;
	}
	for (int round = 0; round < ROUNDS; round++) {
		char out[200], in[200];
		int length = 1 + (int)((id * 31 + round * 17) % 190), got = 0;
		for (int i = 0; i < length; i++)
			out[i] = (char)(id + round + i);
		out[length - 1] = '\n';
		for (int i = 0; i < length - 1; i++)
			if (out[i] == '\n')
				out[i] = 0;
		send(fd, out, length, 0);
		while (got < length) {
			ssize_t n = recv(fd, in + got, length - got, 0);
			if (n <= 0)
				break;
			got += n;
		}
		if (got != length || memcmp(in, out, length) != 0)
			__sync_fetch_and_add(&failures, 1);
	}
	shutdown(fd, SHUT_WR);
	char c;
	if (recv(fd, &c, 1, 0) != 0)
		__sync_fetch_and_add(&failures, 1);
	close(fd);
	return (void *)1;
}

static void serve(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	SHOW(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	SHOW(bind(listener, (struct sockaddr *)&address, sizeof address));
	SHOW(bind(listener, (struct sockaddr *)&address, sizeof address));
	socklen_t length = sizeof address;
	SHOW(getsockname(listener, (struct sockaddr *)&address, &length));
	SHOW(length);
	SHOW(address.sin_port != 0);
	SHOW(accept(listener, NULL, NULL));
	SHOW(listen(listener, 64));
	SHOW(accept(listener, NULL, NULL));
	int ep = epoll_create1(EPOLL_CLOEXEC);
	SHOW(control(ep, EPOLL_CTL_ADD, listener, EPOLLIN, listener));
	pthread_t threads[CLIENTS];
	for (long i = 0; i < CLIENTS; i++)
		pthread_create(&threads[i], NULL, client, (void *)i);
	int accepted = 0, closed = 0;
	long bytes = 0;
	while (closed < CLIENTS) {
		struct epoll_event events[8];
		int n = epoll_wait(ep, events, 8, 5000);
		if (n <= 0) {
			printf("epoll_wait %d\n", n);
			break;
		}
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) {
				struct sockaddr_in peer;
				socklen_t size = sizeof peer;
				int c;
				while ((c = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK)) >= 0) {
					accepted++;
					setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
					control(ep, EPOLL_CTL_ADD, c, EPOLLIN | (accepted % 2 ? EPOLLET : 0), c);
				}
				if (errno != EAGAIN)
					printf("accept: %s\n", strerror(errno));
				continue;
			}
			char buffer[64];
			ssize_t got;
			while ((got = read(fd, buffer, sizeof buffer)) > 0) {
				bytes += got;
				if (write(fd, buffer, got) != got)
					printf("short write\n");
			}
			if (got == 0) {
				close(fd);
				closed++;
			}
		}
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	SHOW(accepted);
	SHOW(bytes);
	SHOW(failures);
	close(listener);
	close(ep);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SHOW(connect(fd, (struct sockaddr *)&address, sizeof address));
	close(fd);
}

int main(void)
{
	int ep = epoll_create1(0), p[2], q[2];
	uint64_t one = 1;
	SHOW(epoll_create(0));
	SHOW(pipe2(p, O_NONBLOCK));
	SHOW(pipe2(q, O_NONBLOCK));
	SHOW(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 0x1122334455667788));
	SHOW(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	SHOW(control(ep, EPOLL_CTL_MOD, q[0], EPOLLIN, 1));
	SHOW(control(ep, EPOLL_CTL_DEL, q[0], EPOLLIN, 1));
	SHOW(control(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 1));
	SHOW(control(p[0], EPOLL_CTL_ADD, q[0], EPOLLIN, 1));
	SHOW(control(ep, EPOLL_CTL_ADD, 99, EPOLLIN, 1));
	SHOW(control(ep, 7, p[1], EPOLLIN, 1));
	int file = open("regular", O_CREAT | O_RDWR, 0600);
	SHOW(control(ep, EPOLL_CTL_ADD, file, EPOLLIN, 1));
	struct epoll_event event;
	SHOW(epoll_wait(ep, &event, 0, 0));
	SHOW(epoll_wait(p[0], &event, 1, 0));
	show_wait(ep, 8, 0);
	show_wait(ep, 8, 10);
	SHOW(write(p[1], "ab", 2));
	show_wait(ep, 8, -1);
	show_wait(ep, 8, 0);
	char c;
	SHOW(read(p[0], &c, 1));
	show_wait(ep, 8, 0);
	SHOW(read(p[0], &c, 1));
	show_wait(ep, 8, 0);
	/* edge triggered */
	SHOW(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
	SHOW(write(p[1], "ab", 2));
	show_wait(ep, 8, 0);
	show_wait(ep, 8, 0);
	SHOW(write(p[1], "c", 1));
	show_wait(ep, 8, 0);
	SHOW(read(p[0], &c, 1));
	show_wait(ep, 8, 0);
	SHOW(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 3));
	show_wait(ep, 8, 0);
	show_wait(ep, 8, 0);
	/* one shot */
	SHOW(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 4));
	show_wait(ep, 8, 0);
	show_wait(ep, 8, 0);
	SHOW(write(p[1], "d", 1));
	show_wait(ep, 8, 0);
	SHOW(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 5));
	show_wait(ep, 8, 0);
	SHOW(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN, 6));
	/* fairness among level-triggered items */
	SHOW(control(ep, EPOLL_CTL_ADD, q[0], EPOLLIN, 7));
	SHOW(control(ep, EPOLL_CTL_ADD, q[1], EPOLLOUT, 8));
	SHOW(write(q[1], "z", 1));
	show_wait(ep, 1, 0);
	show_wait(ep, 1, 0);
	show_wait(ep, 1, 0);
	show_wait(ep, 2, 0);
	show_wait(ep, 8, 0);
	SHOW(control(ep, EPOLL_CTL_DEL, q[1], 0, 0));
	/* duplicates and closing */
	int copy = dup(q[0]);
	SHOW(control(ep, EPOLL_CTL_ADD, copy, EPOLLIN, 9));
	show_wait(ep, 8, 0);
	SHOW(close(q[0]));
	show_wait(ep, 8, 0);
	SHOW(close(copy));
	show_wait(ep, 8, 0);
	/* hang-up and nesting */
	int outer = epoll_create1(0);
	SHOW(control(outer, EPOLL_CTL_ADD, ep, EPOLLIN, 10));
	SHOW(control(ep, EPOLL_CTL_ADD, outer, EPOLLIN, 10));
	show_wait(outer, 8, 0);
	while (read(p[0], &c, 1) > 0)
		;
	show_wait(outer, 8, 0);
	int e = eventfd(0, EFD_NONBLOCK);
	SHOW(control(ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLOUT | EPOLLET, 11));
	show_wait(outer, 8, 0);
	show_wait(ep, 8, 0);
	SHOW(write(e, &one, 8));
	show_wait(outer, 8, 0);
	show_wait(ep, 8, 0);
	show_wait(ep, 8, 0);
	SHOW(close(p[1]));
	show_wait(ep, 8, 0);
	SHOW(control(ep, EPOLL_CTL_MOD, p[0], 0, 12));
	show_wait(ep, 8, 0);
	SHOW(close(p[0]));
	show_wait(ep, 8, 0);
	serve();
	return 0;
}
