/*
 * When the machine has no frame left: CREATE, fork, SWITCH_BASE, mremap and read(2) return ENOMEM and have done nothing, a process that touches memory is
 * killed, and once there is memory again all goes on. For a machine of 8 MiB.
 */
#include <signal.h>
#include <sys/wait.h>

#include "check.h"

enum { MIB = 1 << 20, FAR = 4 * MIB, RANGES = 48, MOST_FILLED = 64 * MIB, OWN = 24 };

static unsigned char *filled;
static int zeros;

/* Gives pages of its own to a large mapping until a system call says that there are no more; then some back for the program itself. */
static void fill(void) {
    filled = mmap(NULL, MOST_FILLED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (filled == MAP_FAILED) abort();
    for (size_t at = 0; at < MOST_FILLED; at += PAGE) {
        if (read(zeros, filled + at, 1) == 1) continue;
        int error = errno;
        munmap(filled, OWN * PAGE);
        EXPECT(error == ENOMEM, "read(2) into a new page: ENOMEM (errno %d)", error);
        return;
    }
    EXPECT(0, "memory has an end");
}
static void empty(void) { munmap(filled, MOST_FILLED); }

/* Pages in last-level tables of their own, so that there is more than one table to copy. */
static volatile unsigned char *ranges[RANGES];

int main(void) {
    zeros = open("/dev/zero", O_RDONLY);
    unsigned char *land = mmap(NULL, RANGES * FAR, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *away = mmap(NULL, RANGES * FAR, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (land == MAP_FAILED || away == MAP_FAILED || zeros < 0) abort();
    away[0] = 7;
    munmap(MEMORY(pages(1)), PAGE); /* so that its code is there when memory is out */
    for (int i = 0; i < RANGES; i++) {
        ranges[i] = land + i * FAR;
        ranges[i][0] = (unsigned char)(10 + i);
    }
    fill();
    int unshared = 0;
    for (int i = 0; i < RANGES; i++) unshared += mmview_unshare(MEMORY(ranges[i]), PAGE) == 0;
    EXPECT(unshared == RANGES, "UNSHARE takes no memory");
    long failed = mmview_create();
    EXPECT(failed == -ENOMEM, "CREATE without memory: ENOMEM (got %ld)", failed);
    EXPECT(mmview_current() == 0 && mmview_migrate(1) == -EINVAL, "there is no new view");
    EXPECT(fork() == -1 && errno == ENOMEM, "fork without memory: ENOMEM (errno %d)", errno);
    void *moved = mremap(land, RANGES * FAR, RANGES * FAR, MREMAP_MAYMOVE | MREMAP_FIXED, away);
    EXPECT(moved == MAP_FAILED && errno == ENOMEM, "mremap without memory for tables: ENOMEM (errno %d)", errno);
    EXPECT(((volatile unsigned char *)away)[0] == 7, "what it would have replaced is still there");
    int right = 0;
    for (int i = 0; i < RANGES; i++) {
        ranges[i][0]++;
        right += ranges[i][0] == 11 + i;
    }
    EXPECT(right == RANGES, "what CREATE made copy-on-write can be written, without copies: there is no room for them");
    EXPECT(mmview_share(MEMORY(ranges[3]), PAGE) == 0, "SHARE, which needs one view");
    empty();

    long view = mmview_create();
    EXPECT(view == 1, "with memory again CREATE works; the failed one took no id (got %ld)", view);
    IN_VIEW(view, EXPECT(ranges[0][0] == 11, "and copies"); ranges[0][0] = 50);
    EXPECT(ranges[0][0] == 11, "each view has its own");

    /* Pages that the new view has not met: SWITCH_BASE has to enter them there where each view has tables of its own. */
    volatile unsigned char *late = mmap(NULL, RANGES * FAR, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < RANGES; i++) late[i * FAR] = (unsigned char)(60 + i);
    fill();
    mmview_migrate(view);
    long switched = mmview_switch_base();
#ifdef OWN_TABLES
    EXPECT(switched == -ENOMEM, "SWITCH_BASE without memory: ENOMEM (got %ld)", switched);
    EXPECT(mmview_delete(0) == -EPERM, "the base is the old one");
    EXPECT(late[0] == 60, "pages of the base are seen");
    empty();
    switched = mmview_switch_base();
#else
    empty();
#endif
    EXPECT(switched == view, "SWITCH_BASE with memory (got %ld)", switched);
    EXPECT(mmview_delete(0) == 0, "the old base can go");
    right = 0;
    for (int i = 0; i < RANGES; i++) right += late[i * FAR] == 60 + i;
    EXPECT(right == RANGES, "its pages are there");
    EXPECT(ranges[0][0] == 50 && ranges[1][0] == 12, "and what is private, too");

    pid_t child = fork();
    if (child == 0) {
        unsigned char *much = mmap(NULL, MOST_FILLED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t at = 0; at < MOST_FILLED; at += PAGE) ((volatile unsigned char *)much)[at] = 1;
        _exit(1);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
           "a child that touches more than there is was killed (status %x)", status);
    for (int i = 0; i < 100; i++) {
        volatile unsigned char *more = pages(1);
        more[0] = 1;
    }
    EXPECT(1, "and its memory is free again");
    return failures;
}
