/* As many mappings as max_map_count allows, what is refused then, and mremap and pkey_mprotect at their edges. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
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
    many();
    return 0;
}
