/*
 * As many mappings as max_map_count allows, what is refused then, mremap and pkey_mprotect at their edges, and what calls make of holes and of lengths
 * beyond all memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, LAND = 65400 };

static const char *name_of(int error) {
    switch (error) {
        case 0: return "fine";
        case EAGAIN: return "EAGAIN";
        case EACCES: return "EACCES";
        case EEXIST: return "EEXIST";
        case EFAULT: return "EFAULT";
        case EINVAL: return "EINVAL";
        case ENOMEM: return "ENOMEM";
        default: return "another error";
    }
}
#define TELL(what, call) printf("%s: %s\n", what, (errno = 0, (long)(call) == -1) ? name_of(errno) : "fine")

static char *map(size_t pages, int prot) {
    return mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* Lines of /proc/self/maps, but for the page of the kernel's that x86-64 shows. */
static int mappings(void) {
    static char text[1 << 16];
    static const char other[] = "[vsyscall]";
    int lines = 0, file = open("/proc/self/maps", O_RDONLY);
    size_t seen = 0;
    for (ssize_t got; (got = read(file, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < got; i++) {
            lines += text[i] == '\n';
            seen = text[i] == other[seen] ? seen + 1 : text[i] == other[0];
            if (seen == sizeof other - 1) lines--, seen = 0;
        }
    close(file);
    return lines;
}

static long remap(char *from, size_t old_pages, size_t new_pages, int flags, char *to) {
    return syscall(SYS_mremap, from, old_pages * PAGE, new_pages * PAGE, flags, to);
}

static void many(void) {
    char *whole = map(3, PROT_READ), *gone = map(16, PROT_READ), *locked = map(3, PROT_READ);
    for (int i = 1; i < 16; i += 2) mprotect(gone + i * PAGE, PAGE, PROT_NONE); /* as many mappings */
    char *low = map(3, PROT_READ | PROT_WRITE), *land = map(LAND, PROT_NONE);
    mprotect(low + PAGE, 2 * PAGE, PROT_READ);
    for (int i = 1; i < LAND; i += 2)
        if (mprotect(land + (size_t)i * PAGE, PAGE, PROT_READ) != 0) break;
    int made = 0;
    while (made < 4000 && map(1, made % 2 == 0 ? PROT_READ | PROT_WRITE : PROT_READ) != MAP_FAILED) made++;
    printf("no more: %s, more than asked for: %d\n", name_of(errno), made == 4000);
    printf("mappings: %d\n", mappings());
    TELL("mmap", map(1, PROT_NONE) == MAP_FAILED ? -1 : 0);
    TELL("mprotect that splits", mprotect(whole + PAGE, PAGE, PROT_NONE));
    TELL("mprotect that changes nothing", mprotect(whole + PAGE, PAGE, PROT_READ));
    TELL("mprotect of a whole one", mprotect(whole, 3 * PAGE, PROT_READ | PROT_WRITE));
    TELL("mlock that splits", mlock(locked + PAGE, PAGE));
    TELL("munmap that splits", munmap(whole + PAGE, PAGE));
    TELL("mmap over the middle", mmap(whole + PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
    TELL("mremap that moves", remap(low, 1, 2, MREMAP_MAYMOVE, NULL));
    TELL("mremap to a place", remap(whole, 3, 3, MREMAP_MAYMOVE | MREMAP_FIXED, land));
    TELL("munmap of whole ones", munmap(gone, 16 * PAGE));
    TELL("mmap with room", map(1, PROT_NONE) == MAP_FAILED ? -1 : 0);
    TELL("munmap that splits, with room", munmap(whole + PAGE, PAGE));
    TELL("mprotect that splits, with room", mprotect(locked + PAGE, PAGE, PROT_NONE));
    TELL("mprotect back", mprotect(locked + PAGE, PAGE, PROT_READ));
    munmap(land, (size_t)LAND * PAGE);
    TELL("mremap with room", remap(low, 1, 2, MREMAP_MAYMOVE, NULL));
}

/* Whether the kernel may write there: what is there is gone. */
static ssize_t read_into(char *to) {
    int file = open("/dev/zero", O_RDONLY);
    ssize_t got = read(file, to, 1);
    int error = errno;
    close(file);
    errno = error;
    return got;
}

static void remapping(void) {
    char *one = map(4, PROT_READ | PROT_WRITE), *place = map(8, PROT_READ);
    one[0] = 1;
    mprotect(one + 2 * PAGE, PAGE, PROT_READ);
    TELL("larger, over rights that differ", remap(one, 4, 5, MREMAP_MAYMOVE, NULL));
    mprotect(one + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);
    TELL("once they are equal again", remap(one, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, place));
    printf("moved: %d\n", place[0]);
    TELL("nothing there any more", remap(one, 1, 2, MREMAP_MAYMOVE, NULL));
    TELL("onto itself", remap(place, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE));
    TELL("to no page", remap(place, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, place + 100));
    TELL("fixed without may move", remap(place, 2, 2, MREMAP_FIXED, one));
    TELL("to nothing", remap(place, 2, 0, MREMAP_MAYMOVE, NULL));
    TELL("of nothing, private", remap(place, 0, 2, MREMAP_MAYMOVE, NULL));
    TELL("not unmapped, without may move", remap(place, 2, 2, MREMAP_DONTUNMAP, NULL));
    TELL("not unmapped, and larger", remap(place, 2, 3, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    char *left = (char *)remap(place, 4, 4, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    printf("not unmapped: %d here, %d there, elsewhere: %d\n", place[0], left[0], left != place);
    char *object = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *second = (char *)remap(object, 0, 2, MREMAP_MAYMOVE, NULL);
    object[0] = 5;
    printf("of nothing, shared: %d, elsewhere: %d\n", second[0], second != object);
    TELL("of nothing, in place", remap(object, 0, 2, 0, NULL));
}

/* Five pages with something in them, the third of which is not there any more. */
static char *with_hole(void) {
    char *one = map(5, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 5; i++) one[i * PAGE] = (char)(i + 1);
    munmap(one + 2 * PAGE, PAGE);
    return one;
}

/* What is done before the hole, and behind it. */
static void holes(void) {
    char *one = with_hole();
    TELL("MADV_DONTNEED over a hole", madvise(one, 5 * PAGE, MADV_DONTNEED));
    printf("forgotten: %d %d, %d %d\n", one[0], one[PAGE], one[3 * PAGE], one[4 * PAGE]);
    one = with_hole();
    TELL("MADV_DONTNEED from a hole on", madvise(one + 2 * PAGE, 2 * PAGE, MADV_DONTNEED));
    printf("forgotten: %d %d, %d %d\n", one[0], one[PAGE], one[3 * PAGE], one[4 * PAGE]);
    TELL("MADV_DONTNEED of nothing but a hole", madvise(one + 2 * PAGE, PAGE, MADV_DONTNEED));
    TELL("MADV_FREE over a hole", madvise(one, 5 * PAGE, MADV_FREE));
    TELL("other advice over a hole", madvise(one, 5 * PAGE, MADV_RANDOM));
    TELL("other advice", madvise(one, 2 * PAGE, MADV_RANDOM));
    TELL("advice that nobody knows", madvise(one, PAGE, -1));
    one = with_hole();
    TELL("mlock", mlock(one + 3 * PAGE, PAGE));
    TELL("MADV_DONTNEED up to a lock, over a hole", madvise(one, 5 * PAGE, MADV_DONTNEED));
    printf("forgotten: %d %d, %d %d\n", one[0], one[PAGE], one[3 * PAGE], one[4 * PAGE]);
    munlock(one + 3 * PAGE, PAGE);
    TELL("mprotect over a hole", mprotect(one, 5 * PAGE, PROT_READ));
    TELL("writing before it", read_into(one + PAGE));
    TELL("writing behind it", read_into(one + 4 * PAGE));
    TELL("mprotect from a hole on", mprotect(one + 2 * PAGE, 2 * PAGE, PROT_READ));
    TELL("writing behind it", read_into(one + 3 * PAGE));
}

/* MADV_FREE is for anonymous private memory alone. */
static void freeing(void) {
    int file = open("/proc/self/exe", O_RDONLY);
    char *code = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    char *object = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *own = map(1, PROT_READ | PROT_WRITE);
    object[0] = own[0] = 4;
    TELL("MADV_FREE of a file", madvise(code, PAGE, MADV_FREE));
    TELL("MADV_FREE of shared memory", madvise(object, PAGE, MADV_FREE));
    TELL("MADV_FREE of private memory", madvise(own, PAGE, MADV_FREE));
    TELL("MADV_DONTNEED of a file", madvise(code, PAGE, MADV_DONTNEED));
    TELL("MADV_DONTNEED of shared memory", madvise(object, PAGE, MADV_DONTNEED));
    printf("still there: %d, %d\n", code[1] == 'E', object[0]);
    close(file);
}

/* A mapping with nothing behind it, of which as much is done as there is. */
static void lengths(void) {
    static const size_t long_ones[] = {(size_t)1 << 47, (size_t)1 << 48, (size_t)1 << 62, (size_t)-PAGE, (size_t)-1};
    for (int i = 0; i < 5; i++) {
        char *one = map(2, PROT_READ | PROT_WRITE);
        munmap(one + PAGE, PAGE);
        one[0] = 6;
        printf("a length of %#zx\n", long_ones[i]);
        TELL("munmap", syscall(SYS_munmap, one, long_ones[i]));
        TELL("mprotect", syscall(SYS_mprotect, one, long_ones[i], PROT_READ));
        TELL("writing there", read_into(one));
        mprotect(one, PAGE, PROT_READ | PROT_WRITE);
        TELL("mmap", syscall(SYS_mmap, NULL, long_ones[i], PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L));
        TELL("mmap to a place", syscall(SYS_mmap, one, long_ones[i], PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L));
    }
    /* From the end of all mappings on: else what is behind one, the stack too, would be forgotten. */
    char *nothing = (char *)0x7ffffffff000;
    TELL("MADV_DONTNEED of 2^48", madvise(nothing, (size_t)1 << 48, MADV_DONTNEED));
    TELL("MADV_DONTNEED of 2^62", madvise(nothing, (size_t)1 << 62, MADV_DONTNEED));
    TELL("MADV_DONTNEED of -1 bytes", madvise(nothing, (size_t)-1, MADV_DONTNEED));
    TELL("MADV_DONTNEED of -1 pages", madvise(nothing, (size_t)-PAGE, MADV_DONTNEED));
    TELL("mprotect in the kernel", syscall(SYS_mprotect, -2L * PAGE, (size_t)PAGE, PROT_READ));
    TELL("mprotect at the end of all", syscall(SYS_mprotect, -1L * PAGE, (size_t)PAGE, PROT_READ));
    TELL("MADV_DONTNEED in the kernel", syscall(SYS_madvise, -2L * PAGE, (size_t)PAGE, MADV_DONTNEED));
    TELL("munmap in the kernel", syscall(SYS_munmap, -2L * PAGE, (size_t)PAGE));
    TELL("mmap in the kernel", syscall(SYS_mmap, -2L * PAGE, (size_t)PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L));
    TELL("of nothing", mprotect(map(1, PROT_READ), 0, PROT_READ));
    TELL("mmap of nothing", syscall(SYS_mmap, NULL, (size_t)0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L));
    TELL("munmap of nothing", syscall(SYS_munmap, map(1, PROT_READ), (size_t)0));
}

/* KiB locked. */
static long locked(void) {
    char text[4096], *line;
    int file = open("/proc/self/status", O_RDONLY);
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    text[size < 0 ? 0 : size] = '\0';
    line = strstr(text, "VmLck:");
    return line == NULL ? -1 : atol(line + 6);
}

static void locks(void) {
    char *one = with_hole();
    TELL("mlock over a hole", mlock(one, 5 * PAGE));
    printf("locked: %ld kB\n", locked());
    TELL("the rest", mlock(one + 3 * PAGE, 2 * PAGE));
    TELL("munlock over a hole", munlock(one + PAGE, 4 * PAGE));
    printf("locked: %ld kB\n", locked());
    TELL("mlock from a hole on", mlock(one + 2 * PAGE, 2 * PAGE));
    TELL("mlock of nothing", mlock(one + 2 * PAGE, 0));
    TELL("mlock of -1 bytes", mlock(one, (size_t)-1));
    TELL("mlock of 2^48", mlock(one + 2 * PAGE, (size_t)1 << 48));
    TELL("munlock of -1 pages", munlock(one, (size_t)-PAGE));
    munlock(one, 2 * PAGE);
    munlock(one + 3 * PAGE, 2 * PAGE);
    mprotect(one, PAGE, PROT_NONE);
    TELL("mlock of what nobody may read", mlock(one, 2 * PAGE));
    printf("locked: %ld kB\n", locked());
}

static char *set_break(char *to) { return (char *)syscall(SYS_brk, to); }

/* A heap that something is in the way of, and one with a hole. */
static void heap(void) {
    char *old = set_break(NULL), *end = old + (PAGE - (uintptr_t)old % PAGE) % PAGE;
    TELL("mmap above the heap", mmap(end + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 0);
    printf("up to it: %d\n", set_break(end + 5 * PAGE) == old);
    printf("up to a page below: %d\n", set_break(end + 4 * PAGE) == end + 4 * PAGE);
    for (int i = 0; i < 4; i++) end[i * PAGE] = 1;
    TELL("a hole", munmap(end + 2 * PAGE, PAGE));
    printf("smaller, over the hole: %d\n", set_break(end + PAGE + 100) == end + PAGE + 100);
    printf("still there: %d %d\n", end[0], end[PAGE]);
    TELL("mlock of what is gone", mlock(end + 3 * PAGE, PAGE));
    printf("larger again: %d\n", set_break(end + 3 * PAGE - 100) == end + 3 * PAGE - 100);
    printf("new: %d\n", end[2 * PAGE]);
    printf("below its beginning: %d\n", set_break((char *)PAGE) == end + 3 * PAGE - 100);
    set_break(old);
    munmap(end + 5 * PAGE, PAGE);
}

static void keys(void) {
    char *one = map(1, PROT_READ);
    TELL("no key", syscall(SYS_pkey_mprotect, one, (size_t)PAGE, PROT_READ | PROT_WRITE, -1));
    one[0] = 3;
    printf("written: %d\n", one[0]);
    TELL("a key that nobody has", syscall(SYS_pkey_mprotect, one, (size_t)PAGE, PROT_READ, 15));
    TELL("of nothing", syscall(SYS_pkey_mprotect, one, (size_t)0, PROT_READ, 15));
    TELL("of no page", syscall(SYS_pkey_mprotect, one + 1, (size_t)PAGE, PROT_READ, -1));
}

int main(void) {
    remapping();
    keys();
    holes();
    freeing();
    lengths();
    locks();
    heap();
    many();
    return 0;
}
