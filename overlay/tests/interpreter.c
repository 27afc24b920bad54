/*
 * Executes programs of view-programs.ts with real system calls, loads and stores, each in a process of its own by several threads that take turns:
 * commands come on stdin, results go to stdout. Everything of its own lies in shared memory; what is tested is REGION. After each command it makes a
 * system call that no kernel has: there the test compares the whole state.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#include "check.h"

/* As in views.property.ts: pages in two neighbouring last-level page tables. */
enum { PAGES = 8, HEAP_PAGES = 4, SLOTS = 4, MOST_COMMANDS = 512, FAULT = -1000 };
#define REGION ((unsigned char *)(0x200000ul * 0x5000 - 4 * PAGE))
/* What brk adds comes after these pages. */
static unsigned char *heap;
static unsigned char *page_at(int page) { return page < PAGES ? REGION + page * PAGE : heap + (page - PAGES) * PAGE; }

enum op {
    OP_MAP, /* page, pages, kind */
    OP_UNMAP,
    OP_PROTECT, /* page, pages, prot */
    OP_WRITE,   /* page, value */
    OP_READ,
    OP_KERNEL_WRITE, /* by read(2) */
    OP_KERNEL_READ,  /* by write(2) */
    OP_CREATE,
    OP_DELETE,
    OP_CURRENT,
    OP_MIGRATE,
    OP_UNSHARE, /* page, pages, bytes more than whole pages */
    OP_SHARE,
    OP_SWITCH_BASE,
    OP_MOVE,   /* page, to, sizes */
    OP_RESIZE, /* page, pages, pages */
    OP_DISCARD,
    OP_BRK, /* pages, bytes less */
    OP_LOCK,
    OP_UNLOCK,
    OP_START, /* slot */
    OP_EXIT,
    OP_JOIN, /* slot */
    OP_OBSERVE
};
enum { KIND_PRIVATE, KIND_FILE, KIND_SHARED };

struct command {
    int32_t slot, op, a, b, c;
};

static struct command commands[MOST_COMMANDS];
static int32_t results[MOST_COMMANDS * (PAGES + HEAP_PAGES)];
static uint32_t count;
static volatile uint32_t position, results_used;
static sem_t turn[SLOTS];
static pthread_t threads[SLOTS];
static int ends[2], file;
static __thread sigjmp_buf refused;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(refused, 1);
}

static int load(volatile unsigned char *at) { return sigsetjmp(refused, 1) == 0 ? *at : FAULT; }
static int store(volatile unsigned char *at, int value) {
    if (sigsetjmp(refused, 1) != 0) return FAULT;
    *at = (unsigned char)value;
    return 0;
}

static long kernel_write(unsigned char *at, int value) {
    unsigned char byte = (unsigned char)value;
    if (write(ends[1], &byte, 1) != 1) abort();
    long result = raw(read(ends[0], at, 1));
    if (result < 0 && read(ends[0], &byte, 1) != 1) abort();
    return result;
}
static long kernel_read(unsigned char *at) {
    unsigned char byte;
    long result = raw(write(ends[1], at, 1));
    if (result < 0) return result;
    if (read(ends[0], &byte, 1) != 1) abort();
    return byte;
}

static long map(unsigned char *at, size_t length, int kind) {
    int flags = MAP_FIXED | (kind == KIND_SHARED ? MAP_SHARED : MAP_PRIVATE) | (kind == KIND_FILE ? 0 : MAP_ANONYMOUS);
    void *got = mmap(at, length, PROT_READ | PROT_WRITE, flags, kind == KIND_FILE ? file : -1, 0);
    return got == at ? 0 : got == MAP_FAILED ? -errno : 1;
}

static void *thread(void *slot);

/* What a page holds is the byte at this offset. */
enum { OFFSET = 5, SYS_checkpoint = 1999 };

static long execute(const struct command *c) {
    unsigned char *at = page_at(c->a);
    size_t length = (size_t)c->b * PAGE;
    switch ((enum op)c->op) {
        case OP_MAP: return map(at, length, c->c);
        case OP_UNMAP: return raw(munmap(at, length));
        case OP_PROTECT: return raw(mprotect(at, length, c->c));
        case OP_WRITE: return store(at + OFFSET, c->b);
        case OP_READ: return load(at + OFFSET);
        case OP_KERNEL_WRITE: return kernel_write(at + OFFSET, c->b);
        case OP_KERNEL_READ: return kernel_read(at + OFFSET);
        case OP_CREATE: return mmview_create();
        case OP_DELETE: return mmview_delete(c->a);
        case OP_CURRENT: return mmview_current();
        case OP_MIGRATE: return mmview_migrate(c->a);
        case OP_UNSHARE: return mmview_unshare(at, length + (size_t)c->c);
        case OP_SHARE: return mmview_share(at, length + (size_t)c->c);
        case OP_SWITCH_BASE: return mmview_switch_base();
        case OP_MOVE: {
            unsigned char *to = page_at(c->b);
            size_t old_pages = c->c & 15, new_pages = c->c >> 4 & 15;
            int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (c->c >> 8 ? MREMAP_DONTUNMAP : 0);
            void *got = mremap(at, old_pages * PAGE, new_pages * PAGE, flags, to);
            return got == to ? 0 : got == MAP_FAILED ? -errno : 1;
        }
        case OP_RESIZE: {
            void *got = mremap(at, length, (size_t)c->c * PAGE, 0);
            return got == at ? 0 : got == MAP_FAILED ? -errno : 1;
        }
        case OP_DISCARD: return raw(madvise(at, length, MADV_DONTNEED));
        case OP_BRK: return (unsigned char *)syscall(SYS_brk, heap + (long)c->a * PAGE - c->b) - heap;
        case OP_LOCK: return raw(mlock(at, length));
        case OP_UNLOCK: return raw(munlock(at, length));
        case OP_START: return -pthread_create(&threads[c->a], NULL, thread, (void *)(long)c->a);
        case OP_EXIT: return 0;
        case OP_JOIN: return -pthread_join(threads[c->a], NULL);
        case OP_OBSERVE:
            for (int page = 0; page < PAGES + HEAP_PAGES; page++) results[results_used++] = load(page_at(page) + OFFSET);
            return 0;
    }
    abort();
}

/* Executes this slot's commands; when the next one is another's, hands the turn over. The last command is slot 0's. */
static void *thread(void *argument) {
    int slot = (int)(long)argument;
    for (;;) {
        sem_wait(&turn[slot]);
        int ends_here = 0;
        while (position < count && commands[position].slot == slot && !ends_here) {
            const struct command *c = &commands[position];
            long result = execute(c);
            results[results_used++] = (int32_t)result;
            ends_here = c->op == OP_EXIT; /* the next command is OP_JOIN: only then is the thread gone for sure */
            if (!ends_here) syscall(SYS_checkpoint, (long)position, heap);
            position++;
        }
        if (position >= count) return NULL;
        sem_post(&turn[commands[position].slot]);
        if (ends_here) return NULL;
    }
}

static size_t read_all(void *into, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = read(0, (char *)into + done, bytes - done);
        if (got <= 0) break;
        done += (size_t)got;
    }
    return done;
}

/* One program. */
static int execute_all(void) {
    if (read_all(commands, count * sizeof *commands) != count * sizeof *commands) return 101;
    if (pipe(ends) != 0 || (file = open("/data", O_RDONLY)) < 0) return 102;
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    heap = (unsigned char *)((syscall(SYS_brk, 0L) + PAGE - 1) & -(long)PAGE);
    if ((unsigned char *)syscall(SYS_brk, heap) != heap) return 105;
    for (int i = 0; i < SLOTS; i++) sem_init(&turn[i], 0, 0);
    if (count > 0) {
        sem_post(&turn[commands[0].slot]);
        thread((void *)0L);
    }
    size_t bytes = results_used * sizeof *results;
    if (write(1, (const void *)&results_used, sizeof results_used) != sizeof results_used) return 103;
    return write(1, results, bytes) == (ssize_t)bytes ? 0 : 104;
}

/* Has the file's pages in memory before frames are counted. */
static void read_file(void) {
    char text[PAGES * PAGE];
    int data = open("/data", O_RDONLY);
    volatile unsigned char *at = mmap(NULL, sizeof text, PROT_READ, MAP_PRIVATE, data, 0);
    for (int page = 0; page < PAGES; page++) (void)at[page * PAGE];
    munmap(MEMORY(at), sizeof text);
    close(data);
}

/* Forked processes find the interpreter's code translated. */
int main(void) {
    read_file();
    /* The library's allocator has what it needs of the heap before programs change it. */
    void *volatile some = malloc(PAGE);
    free(some);
    while (read_all(&count, sizeof count) == sizeof count) {
        if (count > MOST_COMMANDS) return 100;
        syscall(SYS_checkpoint, -1L);
        int status;
        pid_t child = fork();
        if (child == 0) _exit(execute_all());
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 99;
        if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
    }
    return 0;
}
