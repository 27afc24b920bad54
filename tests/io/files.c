#include "show.h"
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void show_stat(const char *name)
{
	struct stat s;
	if (lstat(name, &s) != 0) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	printf("%s: mode %o nlink %d uid %d gid %d", name, s.st_mode, (int)s.st_nlink, s.st_uid, s.st_gid);
	if (S_ISDIR(s.st_mode))
		printf("\n");
	else
		printf(" size %ld\n", (long)s.st_size);
}

static void show_content(const char *name)
{
	char buffer[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof buffer - 1);
	if (n < 0) {
		printf("%s: %s\n", name, strerror(errno));
	} else {
		buffer[n] = 0;
		for (ssize_t i = 0; i < n; i++)
			if (buffer[i] == 0)
				buffer[i] = '.';
		printf("%s: [%s]\n", name, buffer);
	}
	if (fd >= 0)
		close(fd);
}

static int lock(int fd, int command, int type, off_t start, off_t length)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
	int result = fcntl(fd, command, &l);
	if (command == F_GETLK || command == F_OFD_GETLK)
		printf("lock type %d start %ld length %ld\n", l.l_type, (long)l.l_start, (long)l.l_len);
	return result;
}

int main(void)
{
	char buffer[64] = { 0 };
	umask(022);
	SHOW(open("none", O_RDONLY));
	SHOW(open("", O_RDONLY));
	SHOW(open("none/x", O_RDWR | O_CREAT, 0600));
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0666);
	SHOW(fd);
	SHOW(open("a", O_RDWR | O_CREAT | O_EXCL, 0666));
	SHOW(write(fd, "hello world", 11));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, -5, SEEK_END));
	SHOW(read(fd, buffer, 64));
	SHOW(lseek(fd, -50, SEEK_CUR));
	SHOW(lseek(fd, 5, 99));
	SHOW(pwrite(fd, "XY", 2, 3));
	SHOW(pread(fd, buffer, 4, 2));
	printf("[%.4s]\n", buffer);
	SHOW(pread(fd, buffer, 4, -1));
	SHOW(pwrite(fd, "tail", 4, 6000));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(read(fd, buffer, 64));
	printf("[%d %d]\n", buffer[0], buffer[63]);
	SHOW(ftruncate(fd, 5));
	SHOW(ftruncate(fd, 8));
	SHOW(ftruncate(fd, -1));
	show_content("a");
	show_stat("a");
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "three", 5 } };
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(writev(fd, out, 3));
	SHOW(writev(fd, out, -1));
	show_content("a");
	struct iovec in[2] = { { buffer, 2 }, { buffer + 10, 20 } };
	SHOW(preadv(fd, in, 2, 1));
	printf("[%.2s] [%.5s]\n", buffer, buffer + 10);
	SHOW(truncate("a", 4));
	show_content("a");
	SHOW(truncate("none", 4));
	SHOW(posix_fallocate(fd, 0, 100));
	show_stat("a");
	SHOW(fsync(fd));
	SHOW(fdatasync(fd));

	int ap = open("a", O_WRONLY | O_APPEND | O_TRUNC);
	SHOW(write(ap, "123", 3));
	SHOW(lseek(ap, 0, SEEK_SET));
	SHOW(write(ap, "456", 3));
	SHOW(read(ap, buffer, 1));
	show_content("a");
	SHOW(fcntl(ap, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT | O_TRUNC));
	SHOW(fcntl(ap, F_SETFL, O_NONBLOCK));
	SHOW(fcntl(ap, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	SHOW(fcntl(ap, F_GETFD));
	SHOW(fcntl(ap, F_SETFD, FD_CLOEXEC));
	SHOW(fcntl(ap, F_GETFD));
	SHOW(fcntl(99, F_GETFD));
	SHOW(fcntl(ap, 9999));
	int d = dup(ap);
	SHOW(d - ap > 0);
	SHOW(fcntl(d, F_GETFD));
	SHOW(fcntl(ap, F_DUPFD, 50));
	SHOW(fcntl(ap, F_DUPFD_CLOEXEC, 50));
	SHOW(fcntl(51, F_GETFD));
	SHOW(dup2(ap, 60));
	SHOW(dup2(ap, ap) == ap);
	SHOW(dup3(ap, ap, 0));
	SHOW(dup3(ap, 61, O_CLOEXEC));
	SHOW(fcntl(61, F_GETFD));
	SHOW(dup2(99, 5));
	SHOW(close(61));
	SHOW(close(61));
	SHOW(read(61, buffer, 1));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(write(fd, (void *)8, 5));
	SHOW(read(fd, (void *)8, 5));

	SHOW(lock(fd, F_SETLK, F_WRLCK, 10, 20));
	SHOW(lock(fd, F_GETLK, F_WRLCK, 0, 0));
	SHOW(lock(fd, F_OFD_SETLK, F_WRLCK, 15, 1));
	SHOW(lock(fd, F_OFD_GETLK, F_RDLCK, 0, 0));
	SHOW(lock(fd, F_SETLK, F_UNLCK, 12, 5));
	SHOW(lock(fd, F_OFD_GETLK, F_RDLCK, 0, 0));
	SHOW(lock(fd, F_OFD_GETLK, F_RDLCK, 12, 0));
	SHOW(lock(fd, F_OFD_SETLK, F_WRLCK, 12, 2));
	SHOW(lock(fd, F_GETLK, F_WRLCK, 0, 0));
	SHOW(lock(ap, F_SETLK, F_RDLCK, 100, 2));
	int g = open("a", O_RDWR);
	SHOW(flock(fd, LOCK_EX));
	SHOW(flock(g, LOCK_SH | LOCK_NB));
	SHOW(flock(fd, LOCK_SH));
	SHOW(flock(g, LOCK_SH | LOCK_NB));
	SHOW(flock(g, LOCK_EX | LOCK_NB));
	SHOW(flock(fd, LOCK_UN));
	SHOW(flock(g, LOCK_EX | LOCK_NB));
	SHOW(close(g));

	SHOW(chmod("a", 0640));
	SHOW(fchmod(fd, 04755));
	show_stat("a");
	SHOW(chown("a", 7, 8));
	show_stat("a");
	SHOW(access("a", R_OK | W_OK | X_OK));
	SHOW(access("none", F_OK));
	SHOW(faccessat(AT_FDCWD, "a", X_OK, AT_EACCESS));
	struct timespec times[2] = { { 1000, 5 }, { 2000, 6 } };
	SHOW(utimensat(AT_FDCWD, "a", times, 0));
	struct stat s;
	SHOW(fstat(fd, &s));
	printf("%ld %ld %ld %ld blksize %ld\n", (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec, (long)s.st_blksize);
	struct stat s2;
	SHOW(fstatat(AT_FDCWD, "a", &s2, 0));
	SHOW(s.st_ino == s2.st_ino && s.st_dev == s2.st_dev);
	SHOW(fstatat(fd, "", &s2, AT_EMPTY_PATH));
	SHOW(fstatat(fd, "x", &s2, 0));
	SHOW(fstatat(99, "x", &s2, 0));
	struct statfs f;
	SHOW(statfs(".", &f));
	SHOW(f.f_bsize);

	int from = open("from", O_RDWR | O_CREAT, 0600), to = open("to", O_RDWR | O_CREAT, 0600);
	char big[10000];
	memset(big, 'b', sizeof big);
	SHOW(write(from, big, sizeof big));
	off_t at = 1000;
	SHOW(sendfile(to, from, &at, 5000));
	SHOW(at);
	SHOW(lseek(from, 100, SEEK_SET));
	SHOW(sendfile(to, from, NULL, 100));
	SHOW(lseek(from, 0, SEEK_CUR));
	off_t to_at = 20000;
	SHOW(copy_file_range(from, NULL, to, &to_at, 50, 0));
	show_stat("to");
	char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, from, 0);
	SHOW(shared != MAP_FAILED);
	strcpy(shared, "through the mapping");
	SHOW(pread(from, buffer, 19, 0));
	printf("[%.19s]\n", buffer);
	SHOW(pwrite(from, "FILE", 4, 4096));
	printf("[%.4s]\n", shared + 4096);
	char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, from, 0);
	private[0] = '!';
	printf("%c %c\n", private[0], shared[0]);
	SHOW(close(from));
	SHOW(unlink("from"));
	printf("[%.19s]\n", shared);
	SHOW(munmap(shared, 8192));

	int memory = memfd_create("m", MFD_ALLOW_SEALING);
	SHOW(write(memory, "abc", 3));
	SHOW(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	SHOW(ftruncate(memory, 1));
	SHOW(pwrite(memory, "abcdef", 6, 0));
	SHOW(pwrite(memory, "xyz", 3, 0));
	SHOW(fcntl(memory, F_GET_SEALS));

	int gone = open("gone", O_RDWR | O_CREAT, 0600);
	SHOW(unlink("gone"));
	SHOW(write(gone, "still here", 10));
	SHOW(pread(gone, buffer, 10, 0));
	SHOW(fstat(gone, &s));
	SHOW(s.st_nlink);
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY), full = open("/dev/full", O_WRONLY);
	SHOW(read(null, buffer, 5));
	SHOW(write(null, buffer, 5));
	SHOW(read(zero, buffer, 5));
	SHOW(write(full, buffer, 5));
	SHOW(syscall(SYS_close_range, 50, 60, 0));
	SHOW(fcntl(50, F_GETFD));
	FILE *f1 = fopen("stdio", "w+");
	for (int i = 0; i < 2000; i++)
		fprintf(f1, "line %d\n", i);
	rewind(f1);
	int sum = 0, x;
	while (fscanf(f1, "line %d\n", &x) == 1)
		sum += x;
	SHOW(sum);
	SHOW(ftell(f1));
	fclose(f1);
	return 0;
}
