/*
 * R12: a forked child gets the caller's view alone, as its base view 0, with the private pages that this view has, copy-on-write. What was
 * unshared stays so, and may be shared again. R14: exec leaves nothing of the views.
 */
#include <sys/wait.h>

#include "check.h"

static int await(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static volatile unsigned char *own, *common;
static long view;

static int in_child(void) {
    failures = 0;
    EXPECT(mmview_current() == 0, "the child is in view 0");
    EXPECT(own[0] == 2, "which is the view of the caller");
    EXPECT(own[PAGE] == 1, "also where the caller never wrote there");
    EXPECT(mmview_migrate(view) == -EINVAL, "it has no other");
    EXPECT(common[0] == 7 && common[PAGE] == 8, "shared pages are as they were, whichever view touched them first");
    own[0] = 3;
    common[0] = 9;
    EXPECT(mmview_unshare(MEMORY(common), PAGE) == 0, "with one view, ranges may be unshared");
    EXPECT(mmview_create() == 1, "ids begin anew");
    IN_VIEW(1, own[0] = 4; own[2 * PAGE] = 4; common[0] = 5; common[PAGE] = 6);
    EXPECT(own[0] == 3 && own[2 * PAGE] == 0, "what was unshared in the parent is private here, too");
    EXPECT(common[0] == 9 && common[PAGE] == 6, "and the newly unshared, but not the rest");
    EXPECT(mmview_delete(1) == 0 && mmview_share(MEMORY(own), PAGE) == 0, "what was private may be shared again");
    mmview_create();
    IN_VIEW(2, own[0] = 5; own[PAGE] = 5);
    EXPECT(own[0] == 5 && own[PAGE] == 1, "then it is common, and its neighbour is not");
    return failures;
}

static void *forks(void *argument) {
    (void)argument;
    EXPECT(mmview_current() == view, "a thread in the view forks");
    pid_t child = fork();
    if (child == 0) _exit(in_child());
    EXPECT(await(child) == 0, "the child found all as expected");
    return NULL;
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "executed") == 0) {
        EXPECT(mmview_current() == 0 && mmview_migrate(1) == -EINVAL, "an executed program has one view, 0");
        EXPECT(mmview_create() == 1, "and ids begin at 1");
        return failures;
    }
    own = pages(4);
    common = pages(2);
    own[0] = own[PAGE] = 1;
    if (mmview_unshare(MEMORY(own), 4 * PAGE) != 0) abort();
    view = mmview_create();
    common[0] = 7;
    mmview_migrate(view);
    common[PAGE] = 8;
    own[0] = 2;
    EXPECT(mprotect(MEMORY(own + 3 * PAGE), PAGE, PROT_NONE) == 0, "rights of this view alone");
    pid_t child = fork();
    if (child == 0) {
        EXPECT(!readable(own + 3 * PAGE), "the child has the rights of the caller's view");
        _exit(in_child() + failures);
    }
    EXPECT(await(child) == 0, "the child found all as expected");
    EXPECT(mmview_current() == view && own[0] == 2 && common[0] == 7, "the parent is as it was");
    IN_VIEW(0, EXPECT(own[0] == 1 && own[PAGE] == 1 && readable(own + 3 * PAGE), "and so is its other view"));
    own[PAGE] = 6;
    IN_VIEW(0, EXPECT(own[PAGE] == 1, "private pages are still private after the fork"));
    common[PAGE] = 4;
    IN_VIEW(0, EXPECT(common[PAGE] == 4, "and common ones common"); common[0] = 3);
    EXPECT(common[0] == 3, "in both directions");
    own[PAGE] = 1, common[0] = 7, common[PAGE] = 8;
    join(start(forks, NULL));

    child = vfork();
    if (child == 0) {
        char *with[] = {"program", "executed", NULL};
        execv("/proc/self/exe", with);
        _exit(90);
    }
    EXPECT(await(child) == 0, "a program executed by a child of vfork");
    EXPECT(mmview_current() == view && mmview_migrate(0) == view, "the parent keeps its views");
    mmview_migrate(view);

    child = fork();
    if (child == 0) {
        /* Many views, one deleted with a thread in it, and then another program: the host counts what is left. */
        for (int i = 0; i < 5; i++) {
            long id = mmview_create();
            mmview_migrate(id);
            own[0] = (unsigned char)i;
            if (i == 3) mmview_delete(id);
        }
        char *with[] = {"program", "executed", NULL};
        execv("/proc/self/exe", with);
        _exit(90);
    }
    EXPECT(await(child) == 0, "exec in the midst of many views");
    return failures;
}
