/* The allocation functions of the C library, in the place of its own. operator new and delete of libstdc++ call malloc and free. */
#include "parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

PUBLIC void *malloc(size_t bytes) { return heap_allocate(bytes, 16, false, CALLER()); }

PUBLIC void free(void *memory) { heap_free(memory, CALLER()); }

PUBLIC void *calloc(size_t count, size_t bytes) {
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_allocate(all, 16, true, CALLER());
}

PUBLIC void *realloc(void *memory, size_t bytes) {
    if (memory == NULL) return heap_allocate(bytes, 16, false, CALLER());
    if (bytes == 0) {
        heap_free(memory, CALLER());
        return NULL;
    }
    /* A free that cannot be: reported there. */
    if (!is_block((uintptr_t)memory) || ((struct header *)memory - 1)->state != BLOCK_USED) {
        heap_free(memory, CALLER());
        return NULL;
    }
    size_t before = ((struct header *)memory - 1)->bytes;
    void *moved = heap_allocate(bytes, 16, false, CALLER());
    if (moved == NULL) return NULL;
    memcpy(moved, memory, before < bytes ? before : bytes);
    heap_free(memory, CALLER());
    return moved;
}

static bool is_power_of_two(size_t number) { return number != 0 && (number & (number - 1)) == 0; }

PUBLIC void *memalign(size_t align, size_t bytes) {
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return heap_allocate(bytes, align, false, CALLER());
}

PUBLIC void *aligned_alloc(size_t align, size_t bytes) {
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return heap_allocate(bytes, align, false, CALLER());
}

PUBLIC int posix_memalign(void **memory, size_t align, size_t bytes) {
    if (!is_power_of_two(align) || align % sizeof(void *) != 0) return EINVAL;
    int saved = errno;
    void *got = heap_allocate(bytes, align, false, CALLER());
    errno = saved;
    if (got == NULL) return ENOMEM;
    *memory = got;
    return 0;
}

PUBLIC void *valloc(size_t bytes) { return heap_allocate(bytes, (size_t)sysconf(_SC_PAGESIZE), false, CALLER()); }

PUBLIC void *pvalloc(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return heap_allocate((bytes + page - 1) / page * page, page, false, CALLER());
}

/* What was asked for: the rest is red zone. */
PUBLIC size_t malloc_usable_size(void *memory) {
    return is_block((uintptr_t)memory) ? ((struct header *)memory - 1)->bytes : 0;
}

#ifdef __GLIBC__
/* So that a program that asks for these does not get glibc's allocator beside this one. */
#include <malloc.h>

PUBLIC int mallopt(int parameter, int value) {
    (void)parameter, (void)value;
    return 1;
}
PUBLIC int malloc_trim(size_t pad) {
    (void)pad;
    return 0;
}
PUBLIC void malloc_stats(void) {}
PUBLIC struct mallinfo2 mallinfo2(void) { return (struct mallinfo2){.arena = next_span - HEAP_START}; }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
PUBLIC struct mallinfo mallinfo(void) { return (struct mallinfo){.arena = (int)(next_span - HEAP_START)}; }
#pragma GCC diagnostic pop
#endif
