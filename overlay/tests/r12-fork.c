/*
 * R12: a forked child gets the caller's view alone, as its base view 0. The machine runs one process: fork is ENOSYS there, and says
 * so; on a kernel that has both, the rest is checked, too.
 */
#include <sys/wait.h>

#include "check.h"

int main(void) {
    volatile unsigned char *own = pages(1);
    own[0] = 1;
    if (mmview_unshare(MEMORY(own), PAGE) != 0) abort();
    long view = mmview_create();
    mmview_migrate(view);
    own[0] = 2;
    pid_t child = fork();
    if (child < 0) {
        EXPECT(errno == ENOSYS, "no processes beside this one: fork is ENOSYS, not something else");
        EXPECT(own[0] == 2 && mmview_current() == view, "and the caller is as it was");
        return failures;
    }
    if (child == 0) {
        EXPECT(mmview_current() == 0, "the child is in view 0");
        EXPECT(own[0] == 2, "which is the view of the caller");
        EXPECT(mmview_migrate(view) == -EINVAL, "it has no other");
        EXPECT(mmview_share(MEMORY(own), PAGE) == 0, "and may share again what was private");
        _exit(failures);
    }
    int status;
    waitpid(child, &status, 0);
    EXPECT(status == 0, "the child found all as expected");
    EXPECT(mmview_current() == view && own[0] == 2, "the parent is as it was");
    return failures;
}
