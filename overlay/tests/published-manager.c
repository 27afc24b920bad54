/*
 * A small overlay manager that knows the published format alone (.genmeta): it overwrites the window from the program's file, for the whole
 * process. It must work on our files, on a kernel with views and on one without.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int counted(int x);
int (*pointer(void))(int);

#ifdef VARIANT_CODE
static int calls;
int counted(int x) { return ++calls * 1000 + x * 10 + VARIANT_CODE; }
int (*pointer(void))(int) { return counted; }
#else

extern const struct {
    size_t struct_bytes, segment_bytes, segments;
    uint64_t address, file_offsets[];
} genmeta_start;

static int apply(unsigned variant) {
    void *window = (void *)(uintptr_t)genmeta_start.address;
    size_t bytes = (genmeta_start.segment_bytes + 4095) & ~(size_t)4095;
    int file = open("/proc/self/exe", O_RDONLY);
    if (file < 0 || variant >= genmeta_start.segments) return -1;
    if (mprotect(window, bytes, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return -2;
    ssize_t got = pread(file, window, genmeta_start.segment_bytes, (off_t)genmeta_start.file_offsets[variant]);
    if (mprotect(window, bytes, PROT_READ | PROT_EXEC) != 0) return -3;
    close(file);
    __builtin___clear_cache((char *)window, (char *)window + bytes);
    return got == (ssize_t)genmeta_start.segment_bytes ? 0 : -4;
}

int main(void) {
    int (*kept)(int) = pointer();
    printf("%zu variants, %d\n", genmeta_start.segments, genmeta_start.struct_bytes == 32 + 8 * genmeta_start.segments);
    for (unsigned i = 0; i < 6; i++) {
        int result = apply(i % 3);
        int first = counted(1), second = kept(2);
        printf("%d: %d %d\n", result, first, second);
    }
    return 0;
}
#endif
