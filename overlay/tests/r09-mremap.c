/*
 * R9: mremap in one view is there in all. What is unshared stays so, and each view's contents and rights go along: as in the paper's kernel, which makes
 * the same call in every view.
 */
#include "check.h"

static volatile unsigned char *remap(volatile unsigned char *from, size_t old_pages, size_t new_pages, int flags,
                                     volatile unsigned char *to) {
    long got = raw(syscall(SYS_mremap, from, old_pages * PAGE, new_pages * PAGE, flags, to));
    errno = got < 0 ? (int)-got : 0;
    return got < 0 ? NULL : (volatile unsigned char *)got;
}
static int refused(volatile unsigned char *result, int error) { return result == NULL && errno == error; }

/* Addresses that nothing is at. */
static volatile unsigned char *nowhere(size_t count) {
    volatile unsigned char *place = pages(count);
    munmap(MEMORY(place), count * PAGE);
    return place;
}

static void shared_ranges(long view) {
    volatile unsigned char *common = pages(4);
    common[0] = 1;
    common[3 * PAGE] = 4;
    IN_VIEW(view, volatile unsigned char *to = remap(common, 4, 40, MREMAP_MAYMOVE, NULL); EXPECT(to != NULL, "a shared range grows");
            EXPECT(to[0] == 1 && to[3 * PAGE] == 4 && to[39 * PAGE] == 0, "with its pages"); to[39 * PAGE] = 9; common = to);
    EXPECT(common[0] == 1 && common[39 * PAGE] == 9, "and is where it is in all views");
    EXPECT(remap(common, 40, 2, 0, NULL) == common, "it is cut off in one view");
    IN_VIEW(view, EXPECT(!readable(common + 2 * PAGE) && readable(common + PAGE), "and in the other"));
}

static void unshared_ranges(long view, volatile unsigned char *own) {
    IN_VIEW(view, own[0] = 11; own[3 * PAGE] = 14);
    IN_VIEW(view, EXPECT(mprotect(MEMORY(own + PAGE), PAGE, PROT_READ) == 0, "one view may not write into a page"));

    /* In place, over a neighbourhood that views have had in common tables. */
    EXPECT(remap(own, 4, 6, 0, NULL) == own, "with two views it grows");
    own[5 * PAGE] = 5;
    IN_VIEW(view, EXPECT(own[5 * PAGE] == 0, "what was added is each view's own"); own[5 * PAGE] = 15);
    EXPECT(own[5 * PAGE] == 5, "in both directions");

    /* Elsewhere: three last-level tables away, where the page before belongs to all views. */
    volatile unsigned char *land = nowhere(2048) + 1000 * PAGE;
    volatile unsigned char *before =
        mmap(MEMORY(land - PAGE), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    before[0] = 3;
    EXPECT(remap(own, 6, 8, MREMAP_MAYMOVE | MREMAP_FIXED, land) == land, "with two views it moves, and larger");
    EXPECT(!readable(own), "nothing is left where it was");
    IN_VIEW(view, EXPECT(!readable(own), "in no view"));
    EXPECT(land[0] == 1 && land[PAGE] == 2 && land[5 * PAGE] == 5 && land[7 * PAGE] == 0, "the first view's pages went along");
    IN_VIEW(view, EXPECT(land[0] == 11 && land[PAGE] == 2 && land[3 * PAGE] == 14 && land[5 * PAGE] == 15, "the second's, too"));
    EXPECT(writable(land + PAGE), "the first view may write where it could");
    IN_VIEW(view, EXPECT(!writable(land + PAGE) && writable(land), "the second may not where it could not"));
    land[2 * PAGE] = 33;
    IN_VIEW(view, EXPECT(land[2 * PAGE] == 0, "what is written there later is not seen elsewhere"));
    before[0] = 4;
    IN_VIEW(view, EXPECT(before[0] == 4, "what lies beside it is seen everywhere"); before[0] = 5);
    EXPECT(before[0] == 5, "whoever writes");

    /* What was private is not where it lay: a new mapping there is shared. */
    mmap(MEMORY(own), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    own[0] = 77;
    IN_VIEW(view, EXPECT(own[0] == 77, "a new mapping at the old place is shared"));
    munmap(MEMORY(own), PAGE);

    long third = mmview_create();
    IN_VIEW(third, EXPECT(land[0] == 1 && writable(land + PAGE), "a view made now copies its maker's"); land[0] = 21);
    EXPECT(land[0] == 1, "and has its own");
    IN_VIEW(third, EXPECT(remap(land, 8, 5, 0, NULL) == land, "a third view cuts it off"));
    IN_VIEW(view, EXPECT(land[0] == 11 && !readable(land + 5 * PAGE), "for all"));

    volatile unsigned char *parts = nowhere(8);
    EXPECT(refused(remap(land + PAGE, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, land + 2 * PAGE), EINVAL), "not onto itself");
    IN_VIEW(view, EXPECT(refused(remap(land, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, parts), EFAULT),
                         "a view that has other rights in the middle sees two mappings there: EFAULT"));
    EXPECT(remap(land, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, parts) == parts, "a view that does not sees one");
    IN_VIEW(view, EXPECT(parts[0] == 11 && !writable(parts + PAGE), "and the other one's rights go along"));
    mmview_delete(third);
}

/* half[0..1] is shared, half[2..3] is not. */
static void partly_unshared(long view, volatile unsigned char *half) {
    half[PAGE] = 1;
    half[2 * PAGE] = 2;
    IN_VIEW(view, half[2 * PAGE] = 12);
    volatile unsigned char *to = nowhere(1024) + 509 * PAGE;
    EXPECT(remap(half, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "a range of which a part is unshared moves as one");
    EXPECT(to[PAGE] == 1 && to[2 * PAGE] == 2, "with the pages");
    IN_VIEW(view, EXPECT(to[PAGE] == 1 && to[2 * PAGE] == 12, "of each view"); to[PAGE] = 41; to[3 * PAGE] = 43);
    EXPECT(to[PAGE] == 41, "the shared part is shared");
    EXPECT(to[3 * PAGE] == 0, "the other is not");
    EXPECT(remap(to, 4, 1, 0, NULL) == to, "it is cut off in the shared part");
    IN_VIEW(view, EXPECT(!readable(to + PAGE) && !readable(to + 2 * PAGE), "in all views"));
}

static void kept_ranges(long view, volatile unsigned char *kept) {
    kept[0] = 6;
    IN_VIEW(view, kept[0] = 16; mprotect(MEMORY(kept + PAGE), PAGE, PROT_READ));
    volatile unsigned char *to = remap(kept, 2, 2, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    EXPECT(to != NULL && to != kept && to[0] == 6, "MREMAP_DONTUNMAP moves the pages");
    EXPECT(kept[0] == 0, "and leaves a mapping without them");
    IN_VIEW(view, EXPECT(to[0] == 16 && kept[0] == 0 && !writable(kept + PAGE) && !writable(to + PAGE),
                         "in the other view as well, which has its rights in both places");
            kept[0] = 17);
    EXPECT(kept[0] == 0, "the old range stays unshared");
    EXPECT(refused(remap(kept, 1, 2, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), EINVAL), "it does not grow by the way");
    EXPECT(refused(remap(kept, 1, 1, MREMAP_DONTUNMAP, NULL), EINVAL), "and means MREMAP_MAYMOVE");
    EXPECT(refused(remap(kept, 0, 1, MREMAP_MAYMOVE, NULL), EINVAL), "private memory has no second place");

    volatile unsigned char *object = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile unsigned char *second = remap(object, 0, 1, MREMAP_MAYMOVE, NULL);
    EXPECT(second != NULL && second != object, "a shared mapping has, for an old length of 0");
    object[0] = 8;
    IN_VIEW(view, EXPECT(second[0] == 8, "and is seen there in all views"));
}

int main(void) {
    volatile unsigned char *own = pages(6), *half = pages(4), *kept = pages(2);
    munmap(MEMORY(own + 4 * PAGE), 2 * PAGE); /* room to grow */
    own[0] = 1;
    own[PAGE] = 2;
    EXPECT(mmview_unshare(MEMORY(own), 4 * PAGE) == 0 && mmview_unshare(MEMORY(half + 2 * PAGE), 2 * PAGE) == 0 &&
               mmview_unshare(MEMORY(kept), 2 * PAGE) == 0,
           "ranges are unshared");
    volatile unsigned char *place = nowhere(16);
    EXPECT(remap(own, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place && place[PAGE] == 2, "with one view it moves");
    EXPECT(remap(place, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, own) == own && own[0] == 1, "and back");
    long view = mmview_create();
    shared_ranges(view);
    unshared_ranges(view, own);
    partly_unshared(view, half);
    kept_ranges(view, kept);
    EXPECT(mmview_delete(view) == 0, "the view can go");
    return failures;
}
