#include "show.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

static struct sockaddr_in at;
static char buffer[400000];

static void pause_ms(int ms)
{
	struct timespec t = { 0, ms * 1000000 };
	nanosleep(&t, NULL);
}

static void show_poll(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	int n = poll(&p, 1, 0);
	printf("poll %d: %x\n", n, p.revents);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	return getsockopt(fd, level, name, &value, &length) == 0 ? value : -errno;
}

static void connected(int *a, int *b)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bind(listener, (struct sockaddr *)&at, sizeof at);
	listen(listener, 5);
	socklen_t length = sizeof at;
	getsockname(listener, (struct sockaddr *)&at, &length);
	*a = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(*a, (struct sockaddr *)&at, sizeof at) != 0)
		printf("connect: %s\n", strerror(errno));
	*b = accept(listener, NULL, NULL);
	close(listener);
}

static void *reader(void *argument)
{
	long total = 0;
	ssize_t n;
	static char bytes[100000];
	while ((n = recv((int)(long)argument, bytes, 1 + total % 99999, 0)) > 0)
		total += n;
	return (void *)total;
}

static void tcp(void)
{
	int a, b;
	SHOW(socket(AF_INET, 99, 0));
	SHOW(socket(12345, SOCK_STREAM, 0));
	SHOW(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	int fresh = socket(AF_INET, SOCK_STREAM, 0);
	show_poll(fresh);
	SHOW(send(fresh, "x", 1, MSG_NOSIGNAL));
	SHOW(recv(fresh, buffer, 1, 0));
	SHOW(getpeername(fresh, (struct sockaddr *)&at, &(socklen_t){ sizeof at }));
	SHOW(shutdown(fresh, SHUT_WR));
	SHOW(option(fresh, SOL_SOCKET, SO_TYPE));
	SHOW(option(fresh, SOL_SOCKET, SO_ACCEPTCONN));
	SHOW(option(fresh, SOL_SOCKET, SO_ERROR));
	SHOW(option(fresh, SOL_SOCKET, SO_KEEPALIVE));
	SHOW(option(fresh, SOL_SOCKET, SO_DOMAIN));
	SHOW(option(fresh, SOL_SOCKET, 9999));
	SHOW(setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, 4));
	SHOW(option(fresh, IPPROTO_TCP, TCP_NODELAY));
	SHOW(setsockopt(fresh, SOL_SOCKET, SO_SNDBUF, &(int){ 10000 }, 4));
	SHOW(option(fresh, SOL_SOCKET, SO_SNDBUF));
	SHOW(setsockopt(fresh, SOL_SOCKET, SO_LINGER, &(struct linger){ 0, 0 }, sizeof(struct linger)));
	SHOW(listen(fresh, 5));
	SHOW(option(fresh, SOL_SOCKET, SO_ACCEPTCONN));
	show_poll(fresh);
	SHOW(close(fresh));
	int p2[2];
	SHOW(pipe(p2));
	SHOW(getsockname(p2[0], (struct sockaddr *)&at, &(socklen_t){ sizeof at }));
	SHOW(getsockname(99, (struct sockaddr *)&at, &(socklen_t){ sizeof at }));

	connected(&a, &b);
	show_poll(a);
	show_poll(b);
	struct sockaddr_in name, peer;
	getsockname(a, (struct sockaddr *)&name, &(socklen_t){ sizeof name });
	getpeername(b, (struct sockaddr *)&peer, &(socklen_t){ sizeof peer });
	SHOW(name.sin_port == peer.sin_port);
	getpeername(a, (struct sockaddr *)&peer, &(socklen_t){ sizeof peer });
	SHOW(peer.sin_port == at.sin_port);
	printf("%s\n", inet_ntoa(peer.sin_addr));
	SHOW(connect(a, (struct sockaddr *)&at, sizeof at));
	SHOW(send(a, "hello", 5, 0));
	pause_ms(5);
	show_poll(b);
	int available;
	SHOW(ioctl(b, FIONREAD, &available));
	SHOW(available);
	SHOW(recv(b, buffer, 3, MSG_PEEK));
	SHOW(recv(b, buffer, 100, 0));
	SHOW(recv(b, buffer, 100, MSG_DONTWAIT));
	struct iovec out[2] = { { "ab", 2 }, { "cde", 3 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2 };
	SHOW(sendmsg(a, &m, MSG_NOSIGNAL));
	pause_ms(5);
	struct iovec in[2] = { { buffer, 1 }, { buffer + 10, 100 } };
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2 };
	SHOW(recvmsg(b, &m, 0));
	printf("[%.1s] [%.4s] %x\n", buffer, buffer + 10, m.msg_flags);
	SHOW(send(a, "12345", 5, 0));
	pthread_t t;
	void *total;
	SHOW(pthread_create(&t, NULL, reader, (void *)(long)a));
	pause_ms(5);
	SHOW(recv(b, buffer, 5, MSG_WAITALL));
	SHOW(send(b, buffer, sizeof buffer, 0));
	SHOW(send(b, buffer, sizeof buffer, 0));
	/* half close */
	SHOW(shutdown(b, SHUT_WR));
	SHOW(send(b, "x", 1, MSG_NOSIGNAL));
	SHOW(pthread_join(t, &total));
	SHOW(total);
	show_poll(a);
	show_poll(b);
	SHOW(send(a, "back", 4, 0));
	pause_ms(5);
	SHOW(recv(b, buffer, 100, 0));
	SHOW(close(a));
	pause_ms(5);
	show_poll(b);
	SHOW(recv(b, buffer, 100, 0));
	SHOW(close(b));
	/* the peer closes, then we write: reset, then a broken pipe */
	connected(&a, &b);
	SHOW(close(b));
	pause_ms(5);
	show_poll(a);
	SHOW(send(a, "x", 1, MSG_NOSIGNAL));
	pause_ms(5);
	show_poll(a);
	SHOW(send(a, "x", 1, MSG_NOSIGNAL));
	SHOW(send(a, "x", 1, MSG_NOSIGNAL));
	SHOW(recv(a, buffer, 1, 0));
	SHOW(close(a));
	/* closing with unread bytes resets */
	connected(&a, &b);
	SHOW(send(a, "unread", 6, 0));
	pause_ms(5);
	SHOW(close(b));
	pause_ms(5);
	show_poll(a);
	SHOW(option(a, SOL_SOCKET, SO_ERROR));
	SHOW(recv(a, buffer, 1, 0));
	SHOW(send(a, "x", 1, MSG_NOSIGNAL));
	SHOW(close(a));
	/* back pressure */
	connected(&a, &b);
	SHOW(fcntl(a, F_SETFL, O_NONBLOCK));
	long sent = 0;
	ssize_t n;
	while ((n = send(a, buffer, 10000, 0)) > 0)
		sent += n;
	SHOW(errno == EAGAIN);
	struct pollfd p = { a, POLLOUT, 0 };
	SHOW(poll(&p, 1, 10));
	SHOW(pthread_create(&t, NULL, reader, (void *)(long)b));
	SHOW(poll(&p, 1, 1000));
	SHOW(close(a));
	SHOW(pthread_join(t, &total));
	SHOW((long)total == sent);
	SHOW(close(b));
	/* connecting without waiting, and to nobody */
	a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	SHOW(connect(a, (struct sockaddr *)&at, sizeof at));
	pause_ms(5);
	show_poll(a);
	SHOW(option(a, SOL_SOCKET, SO_ERROR));
	SHOW(option(a, SOL_SOCKET, SO_ERROR));
	show_poll(a);
	SHOW(recv(a, buffer, 1, 0));
	SHOW(send(a, "x", 1, 0));
	SHOW(connect(a, (struct sockaddr *)&at, sizeof at));
	show_poll(a);
	SHOW(close(a));
	a = socket(AF_INET, SOCK_STREAM, 0);
	SHOW(connect(a, (struct sockaddr *)&at, sizeof at));
	SHOW(close(a));
	/* a time limit for receiving */
	connected(&a, &b);
	struct timeval limit = { 0, 20000 };
	SHOW(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
	SHOW(recv(a, buffer, 1, 0));
	SHOW(close(a));
	SHOW(close(b));
	/* two listeners on one port */
	a = socket(AF_INET, SOCK_STREAM, 0);
	b = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_port = 0;
	SHOW(bind(a, (struct sockaddr *)&at, sizeof at));
	getsockname(a, (struct sockaddr *)&at, &(socklen_t){ sizeof at });
	SHOW(bind(b, (struct sockaddr *)&at, sizeof at));
	at.sin_addr.s_addr = htonl(0x08080808);
	SHOW(bind(b, (struct sockaddr *)&at, sizeof at));
	SHOW(close(a));
	SHOW(close(b));
}

static void ipv6(void)
{
	int listener = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 }, peer;
	SHOW(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, 4));
	SHOW(bind(listener, (struct sockaddr *)&any, sizeof any));
	getsockname(listener, (struct sockaddr *)&any, &(socklen_t){ sizeof any });
	SHOW(listen(listener, 5));
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = any.sin6_port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int a = socket(AF_INET, SOCK_STREAM, 0);
	SHOW(connect(a, (struct sockaddr *)&four, sizeof four));
	socklen_t length = sizeof peer;
	int b = accept(listener, (struct sockaddr *)&peer, &length);
	char text[64];
	printf("%s %d\n", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text), length);
	SHOW(send(a, "v4", 2, 0));
	SHOW(recv(b, buffer, 10, 0));
	SHOW(close(a));
	SHOW(close(b));
	int c = socket(AF_INET6, SOCK_STREAM, 0);
	any.sin6_addr = in6addr_loopback;
	SHOW(connect(c, (struct sockaddr *)&any, sizeof any));
	b = accept(listener, (struct sockaddr *)&peer, &length);
	printf("%s\n", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
	SHOW(close(b));
	SHOW(close(c));
	SHOW(close(listener));
}

static void unix_sockets(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket" }, peer;
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 7;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), a = socket(AF_UNIX, SOCK_STREAM, 0);
	show_poll(a);
	SHOW(connect(a, (struct sockaddr *)&name, size));
	SHOW(send(a, "x", 1, MSG_NOSIGNAL));
	SHOW(recv(a, buffer, 1, 0));
	SHOW(listen(listener, 2));
	SHOW(bind(listener, (struct sockaddr *)&name, size));
	SHOW(bind(a, (struct sockaddr *)&name, size));
	SHOW(connect(a, (struct sockaddr *)&name, size));
	SHOW(listen(listener, 2));
	SHOW(open("socket", O_RDWR));
	SHOW(connect(a, (struct sockaddr *)&name, size));
	socklen_t length = sizeof peer;
	int b = accept(listener, (struct sockaddr *)&peer, &length);
	SHOW(length);
	length = sizeof peer;
	SHOW(getpeername(a, (struct sockaddr *)&peer, &length));
	printf("%d %s\n", length, peer.sun_path);
	SHOW(send(a, "hello", 5, 0));
	SHOW(recv(b, buffer, 10, 0));
	SHOW(shutdown(a, SHUT_WR));
	show_poll(a);
	show_poll(b);
	SHOW(recv(b, buffer, 10, 0));
	SHOW(send(b, "yes", 3, 0));
	SHOW(close(b));
	show_poll(a);
	SHOW(recv(a, buffer, 10, 0));
	SHOW(recv(a, buffer, 10, 0));
	SHOW(send(a, "x", 1, MSG_NOSIGNAL));
	SHOW(close(a));
	SHOW(unlink("socket"));
	a = socket(AF_UNIX, SOCK_STREAM, 0);
	SHOW(connect(a, (struct sockaddr *)&name, size));
	SHOW(close(a));
	SHOW(close(listener));

	int p[2];
	SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	SHOW(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){ 0 }));
	SHOW(write(p[0], "unread", 6));
	SHOW(close(p[1]));
	show_poll(p[0]);
	SHOW(read(p[0], buffer, 1));
	SHOW(write(p[0], "x", 1));
	SHOW(close(p[0]));
	SHOW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
	SHOW(read(p[0], buffer, 1));
	SHOW(shutdown(p[0], SHUT_RD));
	SHOW(send(p[1], "x", 1, MSG_NOSIGNAL));
	SHOW(read(p[0], buffer, 1));
	SHOW(close(p[0]));
	SHOW(close(p[1]));
	SHOW(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
	SHOW(send(p[0], "one", 3, 0));
	SHOW(send(p[0], "second", 6, 0));
	SHOW(recv(p[1], buffer, 100, 0));
	SHOW(recv(p[1], buffer, 2, MSG_TRUNC));
	SHOW(recv(p[1], buffer, 2, MSG_DONTWAIT));
	SHOW(close(p[0]));
	SHOW(close(p[1]));

	struct sockaddr_un abstract = { .sun_family = AF_UNIX, .sun_path = "\0hidden-melf" };
	size = offsetof(struct sockaddr_un, sun_path) + 12;
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	SHOW(bind(listener, (struct sockaddr *)&abstract, size));
	SHOW(listen(listener, 1));
	a = socket(AF_UNIX, SOCK_STREAM, 0);
	SHOW(connect(a, (struct sockaddr *)&abstract, size));
	length = sizeof peer;
	SHOW(getpeername(a, (struct sockaddr *)&peer, &length));
	SHOW(length);
	SHOW(close(a));
	SHOW(close(listener));
}

static void udp(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from;
	SHOW(bind(a, (struct sockaddr *)&name, sizeof name));
	getsockname(a, (struct sockaddr *)&name, &(socklen_t){ sizeof name });
	SHOW(send(b, "x", 1, 0));
	SHOW(sendto(b, "datagram", 8, 0, (struct sockaddr *)&name, sizeof name));
	SHOW(sendto(b, "", 0, 0, (struct sockaddr *)&name, sizeof name));
	socklen_t length = sizeof from;
	SHOW(recvfrom(a, buffer, 100, 0, (struct sockaddr *)&from, &length));
	SHOW(length);
	SHOW(recv(a, buffer, 100, 0));
	SHOW(connect(a, (struct sockaddr *)&from, sizeof from));
	SHOW(send(a, "answer", 6, 0));
	SHOW(recv(b, buffer, 3, 0));
	SHOW(recv(b, buffer, 3, MSG_DONTWAIT));
	SHOW(close(b));
	SHOW(send(a, "nobody", 6, 0));
	pause_ms(5);
	SHOW(recv(a, buffer, 3, MSG_DONTWAIT));
	SHOW(close(a));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	tcp();
	ipv6();
	unix_sockets();
	udp();
	return 0;
}
