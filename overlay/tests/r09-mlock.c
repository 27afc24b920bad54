/* R9: what mlock, munlock and mlockall say in one view holds in all; and what else Linux makes of a lock. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"

/* KiB locked, as /proc/self/status has it in the caller's view. */
static long locked(void) {
    char text[4096], *line;
    int file = open("/proc/self/status", O_RDONLY);
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size < 0) abort();
    text[size] = '\0';
    line = strstr(text, "VmLck:");
    return line == NULL ? -1 : atol(line + 6);
}

static int present(const volatile unsigned char *at) {
    unsigned char answer;
    return mincore(MEMORY(at), 1, &answer) == 0 && (answer & 1);
}

/* Without CAP_IPC_LOCK, under a limit. */
static int limited(size_t limit) {
    struct rlimit bytes = {limit, limit};
    setrlimit(RLIMIT_MEMLOCK, &bytes);
    if (syscall(SYS_setresuid, 1000, 1000, 1000) != 0) abort();
    volatile unsigned char *own = pages(4);
    if (limit == 0) {
        EXPECT(mlock(MEMORY(own), PAGE) == -1 && errno == EPERM, "no lock at all: EPERM");
        EXPECT(mlockall(MCL_FUTURE) == -1 && errno == EPERM, "nor of what will come");
        return failures;
    }
    EXPECT(locked() == 0, "locks are not inherited (VmLck %ld kB)", locked());
    EXPECT(mlock(MEMORY(own), 2 * PAGE) == 0, "as much as the limit says");
    EXPECT(mlock(MEMORY(own + PAGE), PAGE) == 0, "again: it counts once");
    EXPECT(mlock(MEMORY(own + 2 * PAGE), PAGE) == -1 && errno == ENOMEM, "one page more: ENOMEM");
    EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED && errno == EAGAIN,
           "a mapping that is locked at once: EAGAIN");
    EXPECT(mremap(MEMORY(own), 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EAGAIN,
           "growing what is locked: EAGAIN");
    EXPECT(mlockall(MCL_CURRENT) == -1 && errno == ENOMEM, "everything: ENOMEM");
    return failures;
}

static void child(size_t limit) {
    int status;
    pid_t pid = fork();
    if (pid == 0) _exit(limited(limit));
    EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process with a limit of %zu",
           limit);
}

int main(void) {
    volatile unsigned char *own = pages(1), *some = pages(8);
    if (mmview_unshare(MEMORY(own), PAGE) != 0) abort();
    long view = mmview_create(), third = mmview_create();
    some[3 * PAGE] = 5;
    EXPECT(locked() == 0, "nothing is locked at first");

    IN_VIEW(view, EXPECT(mlock(MEMORY(some + PAGE), 4 * PAGE) == 0, "mlock in view %ld", view));
    EXPECT(locked() == 16, "locked in view %ld: in view 0, too (%ld kB)", view, locked());
    IN_VIEW(third, EXPECT(locked() == 16, "and in view %ld", third));
    EXPECT(present(some + 2 * PAGE) && !present(some), "its pages are there at once");
    IN_VIEW(third, EXPECT(madvise(MEMORY(some + 3 * PAGE), PAGE, MADV_DONTNEED) == -1 && errno == EINVAL && some[3 * PAGE] == 5,
                          "and MADV_DONTNEED leaves them alone"));
    IN_VIEW(third, EXPECT(munlock(MEMORY(some + PAGE), PAGE) == 0, "munlock in view %ld", third));
    EXPECT(locked() == 12, "unlocked in view %ld: in view 0, too (%ld kB)", third, locked());

    volatile unsigned char *moved;
    IN_VIEW(view, moved = mremap(MEMORY(some + 2 * PAGE), 3 * PAGE, 6 * PAGE, MREMAP_MAYMOVE));
    EXPECT(moved[PAGE] == 5 && locked() == 24, "mremap in view %ld takes the lock along, and what grows has it (%ld kB)", view,
           locked());
    IN_VIEW(third, EXPECT(moved[PAGE] == 5 && locked() == 24, "in view %ld, too", third));
    IN_VIEW(third, munmap(MEMORY(moved), 6 * PAGE));
    EXPECT(locked() == 0, "unmapped in view %ld: no lock is left", third);

    IN_VIEW(view, EXPECT(mlock(MEMORY(own), PAGE) == 0, "a private page locked in view %ld", view));
    EXPECT(locked() == 4, "counts once, in all views (%ld kB)", locked());
    EXPECT(munlock(MEMORY(own), PAGE) == 0 && locked() == 0, "and is unlocked from view 0");
    EXPECT(mlock(MEMORY(moved), PAGE) == -1 && errno == ENOMEM, "what is not mapped cannot be locked: ENOMEM");

    IN_VIEW(view, EXPECT(mlockall(MCL_FUTURE) == 0, "mlockall(MCL_FUTURE) in view %ld", view));
    volatile unsigned char *later = pages(2);
    EXPECT(locked() == 8, "a mapping made in view 0 is locked (%ld kB)", locked());
    IN_VIEW(third, EXPECT(munlockall() == 0, "munlockall in view %ld", third));
    EXPECT(locked() == 0 && (later[0] = 1), "nothing is locked any more");
    IN_VIEW(view, EXPECT(mlockall(MCL_CURRENT) == 0, "mlockall(MCL_CURRENT) in view %ld", view));
    EXPECT(locked() > 100, "everything is locked (%ld kB)", locked());
    munlockall();
    EXPECT(mlockall(0) == -1 && errno == EINVAL && mlockall(MCL_ONFAULT) == -1 && errno == EINVAL, "flags are checked");
    EXPECT(syscall(SYS_mlock2, own, PAGE, 2) == -1 && errno == EINVAL, "mlock2's, too");
    EXPECT(mlock(MEMORY(own), PAGE) == 0, "one page is locked before fork");
    child(2 * PAGE);
    child(0);
    return failures;
}
