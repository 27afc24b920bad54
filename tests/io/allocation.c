#include "show.h"
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* fallocate, statx, getdents64 as it is, and reservations that are larger than memory. */

#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_ZERO_RANGE 0x10
#endif
enum { PAGE = 4096, MIB = 1 << 20, RESERVATION = 128 * MIB };

static void show_bytes(int fd, off_t at, int count)
{
	unsigned char byte;
	printf("bytes at %ld:", (long)at);
	for (int i = 0; i < count; i++)
		printf(" %d", pread(fd, &byte, 1, at + i) == 1 ? byte : -1);
	printf("\n");
}

static long size_of(int fd)
{
	struct stat s;
	return fstat(fd, &s) == 0 ? (long)s.st_size : -1;
}

static void allocation(void)
{
	static char text[5 * PAGE];
	memset(text, 'a', sizeof text);
	int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
	SHOW(write(fd, text, sizeof text));
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10 * PAGE));
	SHOW(size_of(fd));
	SHOW(fallocate(fd, 0, 0, 6 * PAGE + 10));
	SHOW(size_of(fd));
	show_bytes(fd, 5 * PAGE - 2, 4);
	SHOW(fallocate(fd, 0, 0, 10));
	SHOW(size_of(fd));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE - 2, PAGE + 4));
	SHOW(size_of(fd));
	show_bytes(fd, PAGE - 4, 4);
	show_bytes(fd, 2 * PAGE - 1, 5);
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE, PAGE));
	SHOW(size_of(fd));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	SHOW(fallocate(fd, 0x4000, 0, PAGE));
	SHOW(fallocate(fd, 0, -1, PAGE));
	SHOW(fallocate(fd, 0, 0, 0));
	SHOW(fallocate(fd, 0, 0, -1));
	SHOW(fallocate(99, 0, 0, PAGE));
	int reader = open("file", O_RDONLY), directory = open(".", O_RDONLY), ends[2];
	pipe(ends);
	SHOW(fallocate(reader, 0, 0, PAGE));
	SHOW(fallocate(reader, 0, -1, PAGE));
	SHOW(fallocate(directory, 0, 0, PAGE));
	SHOW(fallocate(ends[1], 0, 0, PAGE));
	SHOW(posix_fallocate(ends[1], 0, PAGE));
	SHOW(posix_fallocate(fd, 0, 7 * PAGE));
	SHOW(size_of(fd));
	int sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
	SHOW(write(sealed, text, PAGE));
	SHOW(fcntl(sealed, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(fallocate(sealed, 0, 0, 2 * PAGE));
	SHOW(fallocate(sealed, 0, 0, PAGE));
	SHOW(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(fallocate(sealed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	show_bytes(sealed, 0, 2);
	close(sealed);
	close(reader);
	close(directory);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

#ifndef STATX_BASIC_STATS
#define STATX_BASIC_STATS 0x7ffU
#endif
/* include/uapi/linux/stat.h */
struct extended {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct { int64_t sec; uint32_t nsec; int32_t pad; } atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare[14];
};

static void extended_stat(void)
{
	struct extended x;
	struct stat s;
	SHOW(syscall(SYS_statx, AT_FDCWD, "file", 0L, STATX_BASIC_STATS, &x));
	stat("file", &s);
	SHOW((x.mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	SHOW(x.mode == s.st_mode && x.nlink == s.st_nlink && x.uid == s.st_uid && x.gid == s.st_gid);
	SHOW(x.ino == s.st_ino && x.size == (uint64_t)s.st_size && x.blocks == (uint64_t)s.st_blocks && x.blksize == s.st_blksize);
	SHOW(x.mtime.sec == s.st_mtim.tv_sec && x.mtime.nsec == s.st_mtim.tv_nsec);
	SHOW(x.ctime.sec == s.st_ctim.tv_sec && x.atime.sec == s.st_atim.tv_sec);
	SHOW(symlink("file", "to-file"));
	SHOW(syscall(SYS_statx, AT_FDCWD, "to-file", (long)AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x));
	SHOW(S_ISLNK(x.mode));
	SHOW(x.size);
	int fd = open("file", O_RDONLY);
	SHOW(syscall(SYS_statx, fd, "", (long)AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
	SHOW(x.ino == s.st_ino);
	SHOW(syscall(SYS_statx, fd, "", 0L, STATX_BASIC_STATS, &x));
	SHOW(syscall(SYS_statx, fd, "more", 0L, STATX_BASIC_STATS, &x));
	SHOW(syscall(SYS_statx, AT_FDCWD, "none", 0L, STATX_BASIC_STATS, &x));
	SHOW(syscall(SYS_statx, AT_FDCWD, "file", 0x800000L, STATX_BASIC_STATS, &x));
	SHOW(syscall(SYS_statx, AT_FDCWD, "file", 0x6000L, STATX_BASIC_STATS, &x));
	SHOW(syscall(SYS_statx, AT_FDCWD, "file", 0L, 0x80000000L, &x));
	SHOW(syscall(SYS_statx, 99, "file", 0L, STATX_BASIC_STATS, &x));
	SHOW(syscall(SYS_statx, AT_FDCWD, "/dev/null", 0L, STATX_BASIC_STATS, &x));
	printf("device %u:%u\n", x.rdev_major, x.rdev_minor);
	close(fd);
}

struct entry {
	uint64_t ino;
	int64_t next;
	uint16_t length;
	unsigned char type;
	char name[];
};

static void entries(void)
{
	char buffer[200], name[40];
	int seen = 0, sum = 0, files = 0;
	long got, middle = -1;
	SHOW(mkdir("many", 0700));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "many/entry-%d", i);
		close(open(name, O_WRONLY | O_CREAT, 0600));
	}
	int fd = open("many", O_RDONLY | O_DIRECTORY);
	SHOW(syscall(SYS_getdents64, fd, buffer, 8L));
	while ((got = syscall(SYS_getdents64, fd, buffer, (long)sizeof buffer)) > 0)
		for (long at = 0; at < got;) {
			struct entry *entry = (struct entry *)(buffer + at);
			if (entry->length % 8 != 0 || entry->ino == 0)
				printf("a record of %d bytes\n", entry->length);
			seen++;
			files += entry->type == 8;
			if (sscanf(entry->name, "entry-%d", &(int){ 0 }) == 1)
				sum += atoi(entry->name + 6);
			if (seen == 50)
				middle = entry->next;
			at += entry->length;
		}
	printf("%ld: %d entries, %d files, numbers %d\n", got, seen, files, sum);
	SHOW(lseek(fd, middle, SEEK_SET) == middle);
	for (seen = 0; (got = syscall(SYS_getdents64, fd, buffer, (long)sizeof buffer)) > 0;)
		for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->length)
			seen++;
	printf("from the middle: %d\n", seen);
	SHOW(close(open("many/new", O_WRONLY | O_CREAT, 0600)));
	SHOW(lseek(fd, 0, SEEK_SET));
	for (seen = 0; (got = syscall(SYS_getdents64, fd, buffer, (long)sizeof buffer)) > 0;)
		for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->length)
			seen++;
	printf("again, with a new one: %d\n", seen);
	SHOW(syscall(SYS_getdents64, 99, buffer, (long)sizeof buffer));
	int file = open("file", O_RDONLY);
	SHOW(syscall(SYS_getdents64, file, buffer, (long)sizeof buffer));
	SHOW(mkdir("gone", 0700));
	int gone = open("gone", O_RDONLY | O_DIRECTORY);
	SHOW(rmdir("gone"));
	SHOW(syscall(SYS_getdents64, gone, buffer, (long)sizeof buffer));
	close(fd);
	close(file);
	close(gone);
}

/* What glibc's arenas do, and asan's shadow: address space now, memory when touched. */
static void reservations(void)
{
	enum { COUNT = 64 };
	static char *at[COUNT];
	int made = 0, whole = 1;
	for (int i = 0; i < COUNT; i++) {
		at[i] = mmap(NULL, RESERVATION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		made += at[i] != MAP_FAILED;
	}
	SHOW(made);
	for (int i = 0; i < COUNT; i++) {
		char *aligned = (char *)(((uintptr_t)at[i] + RESERVATION / 2 - 1) & ~(uintptr_t)(RESERVATION / 2 - 1));
		whole &= munmap(at[i], aligned - at[i] + PAGE) == 0 || aligned == at[i];
		char *start = aligned + PAGE;
		whole &= mprotect(start, 33 * PAGE, PROT_READ | PROT_WRITE) == 0;
		memset(start, i, 33 * PAGE);
		at[i] = start;
	}
	SHOW(whole);
	for (int i = 0; i < COUNT; i++)
		for (int j = 0; j < 33 * PAGE; j += 1000)
			whole &= at[i][j] == i;
	SHOW(whole);
	unsigned char present[4] = { 0 };
	SHOW(mincore(at[0] + 31 * PAGE, 4 * PAGE, present));
	printf("present %d %d %d %d\n", present[0] & 1, present[1] & 1, present[2] & 1, present[3] & 1);
	SHOW(madvise(at[0], 33 * PAGE, MADV_DONTNEED));
	SHOW(at[0][0] + at[0][32 * PAGE]);
	SHOW(mprotect(at[0], 33 * PAGE, PROT_NONE));
	/* A reservation of which the kernel may read, but has nothing. */
	int fd = open("file", O_RDWR);
	SHOW(write(fd, at[0], 1));
	SHOW(read(fd, at[0] + 40 * PAGE, 1));
	close(fd);
	SHOW(mmap(NULL, 1ul << 60, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
}

int main(void)
{
	umask(022);
	allocation();
	extended_stat();
	entries();
	reservations();
	return 0;
}
