/* What a database server asks of the kernel besides files and sockets: a thread that waits for signals, waits that let signals in, and
 * address space far beyond memory. Prints nothing that depends on the machine. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHOW(expression) show(#expression, (long)(expression))
#define MiB (1024L * 1024)

static void show(const char *what, long result)
{
	if (result == -1)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s = %ld\n", what, result);
	fflush(stdout);
}

static volatile sig_atomic_t handled;

static void on_signal(int number) { handled = number; }

static sigset_t set_of(int a, int b)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	return set;
}

static int stops;

/* As a server's signal thread: it takes what is sent to the process until told to stop. */
static void *signal_thread(void *unused)
{
	sigset_t set = set_of(SIGHUP, SIGTERM);
	siginfo_t info;
	(void)unused;
	do {
		SHOW(sigwaitinfo(&set, &info));
		SHOW(info.si_code == SI_USER || info.si_code == SI_QUEUE);
		SHOW(info.si_pid == getpid());
		if (info.si_code == SI_QUEUE)
			SHOW(info.si_value.sival_int);
		__atomic_add_fetch(&stops, 1, __ATOMIC_SEQ_CST);
	} while (info.si_signo != SIGTERM);
	return "stopped";
}

static void await(int count)
{
	struct timespec nap = {0, 1000000};
	while (__atomic_load_n(&stops, __ATOMIC_SEQ_CST) < count)
		nanosleep(&nap, NULL);
}

static void signals(void)
{
	sigset_t blocked = set_of(SIGHUP, SIGTERM), urgent = set_of(SIGUSR1, SIGUSR2), pending;
	struct timespec none = {0, 0}, soon = {0, 20000000};
	siginfo_t info;
	pthread_t thread;
	void *result;

	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	pthread_create(&thread, NULL, signal_thread, NULL);
	kill(getpid(), SIGHUP);
	await(1);
	sigqueue(getpid(), SIGHUP, (union sigval){.sival_int = 42});
	await(2);
	kill(getpid(), SIGTERM);
	pthread_join(thread, &result);
	printf("%s\n", (char *)result);

	pthread_sigmask(SIG_BLOCK, &urgent, NULL);
	SHOW(sigtimedwait(&urgent, &info, &none));
	SHOW(sigtimedwait(&urgent, &info, &soon));
	raise(SIGUSR2);
	raise(SIGUSR1);
	SHOW(sigtimedwait(&urgent, &info, &soon) == SIGUSR1);
	SHOW(sigtimedwait(&urgent, NULL, NULL) == SIGUSR2);
	sigpending(&pending);
	SHOW(sigismember(&pending, SIGUSR1) || sigismember(&pending, SIGUSR2));
}

static void *raise_in(void *main_thread)
{
	struct timespec nap = {0, 10000000};
	nanosleep(&nap, NULL);
	pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
	return NULL;
}

/* ppoll and pselect let a signal in only while they wait, and put the mask back. */
static void masked_waits(void)
{
	sigset_t old, during;
	struct timespec soon = {0, 20000000};
	struct pollfd one;
	pthread_t self = pthread_self(), helper;
	fd_set reads;
	int ends[2];

	signal(SIGUSR1, on_signal);
	during = set_of(SIGUSR1, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &during, NULL);
	sigemptyset(&during);
	if (pipe(ends))
		exit(1);
	one = (struct pollfd){.fd = ends[0], .events = POLLIN};

	SHOW(ppoll(&one, 1, &soon, NULL));
	handled = 0;
	raise(SIGUSR1);
	SHOW(ppoll(&one, 1, &soon, NULL)); /* blocked: it only waits */
	SHOW(handled);
	SHOW(ppoll(&one, 1, NULL, &during)); /* pending: at once */
	SHOW(handled == SIGUSR1);
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	SHOW(sigismember(&old, SIGUSR1));

	handled = 0;
	pthread_create(&helper, NULL, raise_in, &self);
	FD_ZERO(&reads);
	FD_SET(ends[0], &reads);
	SHOW(pselect(ends[0] + 1, &reads, NULL, NULL, NULL, &during));
	SHOW(handled == SIGUSR1);
	pthread_join(helper, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	SHOW(sigismember(&old, SIGUSR1));

	if (write(ends[1], "x", 1) != 1)
		exit(1);
	FD_ZERO(&reads);
	FD_SET(ends[0], &reads);
	SHOW(pselect(ends[0] + 1, &reads, NULL, NULL, &soon, &during));
	SHOW(FD_ISSET(ends[0], &reads) != 0);
	SHOW(ppoll(&one, 1, NULL, &during));
	SHOW(one.revents == POLLIN);
}

/* As an allocator's arenas: reserved as a whole, used as far as needed. Together they are many times the machine's memory. */
static void reservations(void)
{
	enum { COUNT = 64 };
	char *arena[COUNT];
	long sum = 0;

	for (int i = 0; i < COUNT; i++) {
		arena[i] = mmap(NULL, 128 * MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (arena[i] == MAP_FAILED || mprotect(arena[i], 132 * 1024, PROT_READ | PROT_WRITE))
			exit(1);
		memset(arena[i] + 4096 * (i % 32), i + 1, 4096);
	}
	for (int i = 0; i < COUNT; i++)
		sum += arena[i][4096 * (i % 32) + 17] + arena[i][131 * 1024];
	SHOW(sum);
	SHOW(madvise(arena[3], 64 * 1024, MADV_DONTNEED));
	SHOW(arena[3][3 * 4096]);
	for (int i = 0; i < COUNT; i++)
		munmap(arena[i], 128 * MiB);
}

/* As in linux/stat.h; C libraries have it only of late. */
struct wide_stat {
	uint32_t mask, block_size;
	uint64_t attributes;
	uint32_t links, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t seconds;
		uint32_t nanoseconds, spare;
	} access, birth, change, modification;
	char rest[256 - 128];
};
#define WIDE_SIZE 0x200
#define WIDE_BASIC 0x7ff
#define WIDE_STAT(folder, name, flags, mask) syscall(SYS_statx, folder, name, flags, mask, &wide)

static void files(void)
{
	char folder[] = "/tmp/melf-server-XXXXXX", path[64], block[4096];
	struct wide_stat wide;
	struct stat narrow;
	int fd;

	if (!mkdtemp(folder))
		exit(1);
	snprintf(path, sizeof path, "%s/table", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	memset(block, 'a', sizeof block);
	SHOW(pwrite(fd, block, sizeof block, 4096));
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(fallocate(fd, 0, 0, 16384));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 2048));
	SHOW(pread(fd, block, sizeof block, 4096));
	SHOW(block[0] == 0 && block[2047] == 0 && block[2048] == 'a');
	SHOW(fdatasync(fd));
	SHOW(WIDE_STAT(AT_FDCWD, path, 0, WIDE_BASIC));
	SHOW(fstat(fd, &narrow));
	SHOW(wide.size);
	SHOW(wide.ino == narrow.st_ino && wide.mode == narrow.st_mode && wide.links == narrow.st_nlink);
	SHOW(wide.modification.seconds == narrow.st_mtim.tv_sec && wide.modification.nanoseconds == narrow.st_mtim.tv_nsec);
	SHOW(WIDE_STAT(fd, "", AT_EMPTY_PATH, WIDE_SIZE));
	SHOW(wide.size);
	SHOW(WIDE_STAT(AT_FDCWD, "/nowhere", 0, WIDE_SIZE));
	close(fd);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	signals();
	masked_waits();
	reservations();
	files();
	return 0;
}
