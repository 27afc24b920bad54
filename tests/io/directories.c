#include "show.h"
#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
	char *names[600];
	int n = 0;
	DIR *d = opendir(path);
	if (!d) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	struct dirent *e;
	while ((e = readdir(d))) {
		char line[300];
		snprintf(line, sizeof line, "%s(%d)", e->d_name, e->d_type);
		names[n++] = strdup(line);
	}
	closedir(d);
	qsort(names, n, sizeof *names, compare);
	printf("%s:", path);
	for (int i = 0; i < n && i < 12; i++)
		printf(" %s", names[i]);
	printf(" (%d)\n", n);
}

static const char *cwd_tail(void)
{
	static char path[4096];
	return getcwd(path, sizeof path) ? strrchr(path, '/') : strerror(errno);
}

static int cat(const char *name)
{
	char c = 0;
	int fd = open(name, O_RDONLY);
	if (fd < 0)
		return -1;
	read(fd, &c, 1);
	close(fd);
	return c;
}

static void put(const char *name, char c)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	write(fd, &c, 1);
	close(fd);
}

int main(void)
{
	char buffer[4096];
	umask(022);
	SHOW(mkdir("d", 0777));
	SHOW(mkdir("d", 0777));
	SHOW(mkdir("d/e/", 0700));
	SHOW(mkdir("none/e", 0700));
	SHOW(mkdir("", 0700));
	put("d/f", 'f');
	SHOW(mkdir("d/f/g", 0700));
	SHOW(open("d/f/g", O_RDONLY));
	SHOW(open("d/f/", O_RDONLY));
	SHOW(open("d", O_WRONLY));
	SHOW(open("d/new/", O_WRONLY | O_CREAT, 0600));
	SHOW(open("d/f", O_RDONLY | O_DIRECTORY));
	list("d");
	list("none");
	list("d/f");
	struct stat s;
	stat("d", &s);
	SHOW(s.st_nlink);

	SHOW(symlink("f", "d/link"));
	SHOW(symlink("f", "d/link"));
	SHOW(symlink("", "d/empty"));
	SHOW(symlink("nowhere", "dangling"));
	SHOW(symlink("loop2", "loop1"));
	SHOW(symlink("loop1", "loop2"));
	SHOW(symlink("d/e", "dirlink"));
	SHOW(readlink("d/link", buffer, sizeof buffer));
	SHOW(readlink("d/link", buffer, 0));
	SHOW(readlink("d/f", buffer, 10));
	SHOW(cat("d/link"));
	SHOW(cat("loop1"));
	SHOW(cat("dangling"));
	SHOW(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600));
	SHOW(close(open("dangling", O_WRONLY | O_CREAT, 0600)));
	SHOW(access("nowhere", F_OK));
	SHOW(open("d/link", O_RDONLY | O_NOFOLLOW));
	SHOW(lstat("d/link", &s));
	SHOW(S_ISLNK(s.st_mode));
	SHOW(s.st_size);
	put("dirlink/inside", 'i');
	SHOW(cat("d/e/inside"));
	SHOW(cat("dirlink/../f"));
	SHOW(cat("./d/.././d//f"));
	SHOW(rmdir("dirlink"));
	SHOW(unlink("dirlink"));

	SHOW(link("d/f", "d/hard"));
	SHOW(link("d/f", "d/hard"));
	SHOW(link("d", "dhard"));
	SHOW(link("none", "x"));
	stat("d/f", &s);
	SHOW(s.st_nlink);
	put("d/hard", 'h');
	SHOW(cat("d/f"));
	SHOW(linkat(AT_FDCWD, "d/link", AT_FDCWD, "d/link2", 0));
	SHOW(unlink("d/hard"));
	SHOW(unlink("d/hard"));
	SHOW(unlink("d"));
	SHOW(rmdir("d/f"));
	SHOW(rmdir("d"));
	SHOW(rmdir("."));
	SHOW(rmdir("d/e/."));
	SHOW(rmdir("d/e/.."));

	put("p", 'p');
	put("q", 'q');
	SHOW(rename("p", "q"));
	SHOW(cat("q"));
	SHOW(cat("p"));
	SHOW(rename("q", "d"));
	SHOW(rename("d", "q"));
	SHOW(rename("d", "d/e/sub"));
	SHOW(rename("none", "x"));
	SHOW(rename("q", "q"));
	SHOW(mkdir("target", 0755));
	SHOW(rename("d", "target"));
	list("target");
	SHOW(rename("target", "d"));
	SHOW(mkdir("full", 0755));
	put("full/x", 'x');
	SHOW(rename("d", "full"));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "q", AT_FDCWD, "d/f", 1));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "q", AT_FDCWD, "d/f", 2));
	SHOW(cat("q"));
	SHOW(cat("d/f"));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "full", AT_FDCWD, "q", 2));
	list("q");

	int dir = open("d", O_RDONLY | O_DIRECTORY);
	SHOW(read(dir, buffer, 10));
	int inside = openat(dir, "at", O_RDWR | O_CREAT, 0600);
	SHOW(inside > 0);
	SHOW(mkdirat(dir, "sub", 0755));
	SHOW(unlinkat(dir, "sub", 0));
	SHOW(unlinkat(dir, "sub", AT_REMOVEDIR));
	SHOW(renameat(dir, "at", AT_FDCWD, "moved"));
	SHOW(symlinkat("moved", dir, "sym"));
	SHOW(readlinkat(dir, "sym", buffer, 100));
	SHOW(openat(inside, "x", O_RDONLY));
	SHOW(fchdir(dir));
	printf("%s\n", cwd_tail());
	SHOW(chdir("e"));
	printf("%s\n", cwd_tail());
	SHOW(chdir("inside"));
	SHOW(unlink("inside"));
	SHOW(rmdir("../e"));
	printf("%s\n", cwd_tail());
	SHOW(open("x", O_CREAT | O_WRONLY, 0600));
	SHOW(chdir(".."));
	printf("%s\n", cwd_tail());
	SHOW(chdir(".."));

	SHOW(mkdir("many", 0755));
	for (int i = 0; i < 500; i++) {
		char name[300];
		snprintf(name, sizeof name, "many/%0*d", 1 + i % 200, i);
		put(name, 'm');
	}
	list("many");
	DIR *d = opendir("many");
	struct dirent *e;
	int n = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		char name[600];
		snprintf(name, sizeof name, "many/%s", e->d_name);
		n += unlink(name) == 0;
	}
	SHOW(n);
	rewinddir(d);
	n = 0;
	while ((e = readdir(d)))
		n++;
	SHOW(n);
	closedir(d);
	SHOW(rmdir("many"));
	memset(buffer, 'x', sizeof buffer);
	buffer[255] = 0;
	SHOW(mkdir(buffer, 0700));
	SHOW(rmdir(buffer));
	buffer[255] = 'x';
	buffer[256] = 0;
	SHOW(mkdir(buffer, 0700));
	buffer[256] = 'x';
	buffer[4095] = 0;
	SHOW(open(buffer, O_RDONLY));
	SHOW(mkfifo("fifo", 0644));
	lstat("fifo", &s);
	SHOW(S_ISFIFO(s.st_mode));
	SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
	int r = open("fifo", O_RDONLY | O_NONBLOCK);
	SHOW(read(r, buffer, 10));
	int w = open("fifo", O_WRONLY);
	SHOW(read(r, buffer, 10));
	SHOW(write(w, "through", 7));
	SHOW(read(r, buffer, 10));
	SHOW(close(w));
	SHOW(read(r, buffer, 10));
	list(".");
	SHOW(chdir("/"));
	SHOW(chdir(".."));
	printf("%s\n", getcwd(buffer, sizeof buffer));
	SHOW(getcwd(buffer, 1));
	return 0;
}
