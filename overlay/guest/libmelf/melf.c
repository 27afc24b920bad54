/*
 * See melf.h. Environment:
 *   MELF_VARIANT=name   the variant that the program starts in (before main and before its constructors of ordinary priority)
 *   MELF_VERBOSE=1      what is done, on stderr
 */
#define _GNU_SOURCE
#include "melf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "melf-format.h"

/* The mmview system call: one number, the operation first. */
enum { SYS_mmview = 1000 };
enum { MMVIEW_CREATE = 0, MMVIEW_DELETE = 1, MMVIEW_CURRENT = 2, MMVIEW_MIGRATE = 3, MMVIEW_UNSHARE = 4 };

enum { MAX_VARIANTS = 64, NO_VIEW = -1, UNKNOWN = -1, NOT_PINNED = -1 };

/* Absent in a program that another linker made. */
extern const struct genmeta genmeta_start __attribute__((weak));
extern const unsigned char __melf_start[] __attribute__((weak));

enum backend { BACKEND_NONE, BACKEND_VIEWS, BACKEND_OVERWRITE };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_error;
static enum backend backend = BACKEND_NONE;
static bool verbose;
static int variant_count = 1;
static const char *variant_names[MAX_VARIANTS] = {"default"};
static char *window;
static size_t window_bytes;

/* Serialises what changes the tables below; a switch to a view that exists does not take it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* View of each variant (atomic), NO_VIEW until somebody needs it. */
static long views[MAX_VARIANTS];
/* Without views: what the one address space holds. */
static int process_variant;
/* What melf_switch_all asked for. */
static int pinned = NOT_PINNED;

/* A thread inherits its creator's view, not its thread-local data: so it has to ask once. */
static __thread int current = UNKNOWN;

static long mmview(long operation, long a, long b) { return syscall(SYS_mmview, operation, a, b); }

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
    if (!verbose) return;
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    vdprintf(STDERR_FILENO, format, arguments);
    va_end(arguments);
    errno = saved;
}

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) & ~(page - 1);
}

/* In the child of a fork the caller's view is the only one and bears number 0; the child's one thread is in it. */
static void after_fork(void) {
    if (backend != BACKEND_VIEWS) return;
    int here = current == UNKNOWN ? 0 : current;
    for (int i = 0; i < variant_count; i++) views[i] = NO_VIEW;
    views[here] = 0;
    current = here;
}

static void initialise(void) {
    const char *wish = getenv("MELF_VERBOSE");
    verbose = wish != NULL && *wish != '\0' && strcmp(wish, "0") != 0;
    if (&genmeta_start == NULL || genmeta_start.segments < 2) {
        tell("melf: this program has no variants\n");
        return;
    }
    if (genmeta_start.segments > MAX_VARIANTS) {
        init_error = E2BIG;
        return;
    }
    variant_count = (int)genmeta_start.segments;
    window = (char *)(uintptr_t)genmeta_start.virtual_address;
    window_bytes = whole_pages(genmeta_start.segment_bytes);
    for (int i = 0; i < variant_count; i++) {
        variant_names[i] = melf_format_name(__melf_start, i);
        views[i] = NO_VIEW;
    }
    /* Only allowed while there is one view: from here on a write into the window concerns the writer's view alone. */
    if (mmview(MMVIEW_UNSHARE, (long)(uintptr_t)window, (long)window_bytes) == 0) {
        backend = BACKEND_VIEWS;
        views[0] = mmview(MMVIEW_CURRENT, 0, 0);
        pthread_atfork(NULL, NULL, after_fork);
    } else if (errno == ENOSYS) {
        backend = BACKEND_OVERWRITE;
    } else {
        init_error = errno;
        return;
    }
    tell("melf: %d variants, window %p, %zu bytes, %s\n", variant_count, (void *)window, window_bytes,
         backend == BACKEND_VIEWS ? "a view for each" : "no views on this kernel: the whole process switches");
}

int melf_init(void) {
    pthread_once(&once, initialise);
    if (init_error == 0) return 0;
    errno = init_error;
    return -1;
}

int melf_variant_count(void) {
    melf_init();
    return variant_count;
}

const char *melf_variant_name(int variant) {
    melf_init();
    return variant >= 0 && variant < variant_count ? variant_names[variant] : NULL;
}

int melf_variant(const char *name) {
    melf_init();
    for (int i = 0; i < variant_count; i++)
        if (strcmp(variant_names[i], name) == 0) return i;
    return -1;
}

/* Reads a variant's code from the program's own file. */
static int read_variant(int variant) {
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t done = 0;
    while (done < genmeta_start.segment_bytes) {
        ssize_t got = pread(file, window + done, genmeta_start.segment_bytes - done,
                            (off_t)(genmeta_start.file_offsets[variant] + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            int error = got == 0 ? EIO : errno;
            close(file);
            errno = error;
            return -1;
        }
        done += (size_t)got;
    }
    close(file);
    return 0;
}

/* Puts a variant's code into the window of the calling thread's view. */
static int fill_window(int variant) {
    if (mprotect(window, window_bytes, PROT_READ | PROT_WRITE) != 0) return -1;
    int result = read_variant(variant);
    int error = errno;
    if (mprotect(window, window_bytes, PROT_READ | PROT_EXEC) != 0) {
        /* The view has code that cannot be executed: there is no way on from here. */
        dprintf(STDERR_FILENO, "melf: the overlay window cannot be made executable again: %s\n", strerror(errno));
        abort();
    }
    __builtin___clear_cache(window, window + window_bytes);
    errno = error;
    return result;
}

/* A new view, a copy of the caller's, with the variant's code in its window. */
static long create_view(int variant) {
    long view = mmview(MMVIEW_CREATE, 0, 0);
    if (view < 0) return -1;
    /* A signal handler may be multivariant code, and the new window cannot be executed while it is being filled. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    long home = mmview(MMVIEW_MIGRATE, view, 0);
    int result = home < 0 ? -1 : fill_window(variant);
    int error = errno;
    if (home >= 0) mmview(MMVIEW_MIGRATE, home, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        mmview(MMVIEW_DELETE, view, 0);
        errno = error;
        return -1;
    }
    tell("melf: view %ld holds variant %s\n", view, variant_names[variant]);
    return view;
}

static long view_of(int variant) {
    long view = __atomic_load_n(&views[variant], __ATOMIC_ACQUIRE);
    if (view != NO_VIEW) return view;
    pthread_mutex_lock(&lock);
    view = views[variant];
    if (view == NO_VIEW) {
        view = create_view(variant);
        if (view >= 0) __atomic_store_n(&views[variant], view, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return view;
}

/* The variant that a thread is in which has not switched yet. */
static int inherited(void) {
    if (backend == BACKEND_OVERWRITE) return __atomic_load_n(&process_variant, __ATOMIC_ACQUIRE);
    if (backend == BACKEND_VIEWS) {
        long view = mmview(MMVIEW_CURRENT, 0, 0);
        for (int i = 0; i < variant_count; i++)
            if (__atomic_load_n(&views[i], __ATOMIC_ACQUIRE) == view) return i;
    }
    return 0;
}

int melf_current(void) {
    melf_init();
    if (backend == BACKEND_OVERWRITE || current == UNKNOWN) current = inherited();
    return current;
}

static bool has_other_threads(void) {
    struct stat tasks;
    /* ".", ".." and one folder for each thread */
    return stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink > 3;
}

/* The file's own pages, shared with every process that executes them: nothing is copied. */
static int overwrite(int variant) {
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    void *at = mmap(window, window_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file,
                    (off_t)genmeta_start.file_offsets[variant]);
    int error = errno;
    close(file);
    errno = error;
    if (at == MAP_FAILED) return -1;
    __builtin___clear_cache(window, window + window_bytes);
    __atomic_store_n(&process_variant, variant, __ATOMIC_RELEASE);
    tell("melf: the process executes variant %s\n", variant_names[variant]);
    return 0;
}

static int switch_process(int variant, bool vouched) {
    int before = process_variant;
    if (before == variant) return before;
    if (!vouched && has_other_threads()) {
        errno = EBUSY;
        return -1;
    }
    pthread_mutex_lock(&lock);
    int result = overwrite(variant);
    pthread_mutex_unlock(&lock);
    return result == 0 ? before : -1;
}

static int switch_thread(int variant) {
    int before = melf_current();
    if (before == variant) return before;
    long view = view_of(variant);
    if (view < 0 || mmview(MMVIEW_MIGRATE, view, 0) < 0) return -1;
    current = variant;
    return before;
}

static int switch_to(int variant, bool vouched) {
    if (melf_init() != 0) return -1;
    if (variant < 0 || variant >= variant_count) {
        errno = EINVAL;
        return -1;
    }
    if (backend == BACKEND_VIEWS) return switch_thread(variant);
    if (backend == BACKEND_OVERWRITE) return switch_process(variant, vouched);
    return 0;
}

int melf_switch(int variant) {
    int everybody = __atomic_load_n(&pinned, __ATOMIC_ACQUIRE);
    int target = everybody == NOT_PINNED ? variant : everybody;
    /* The way of nearly every call: this thread is there already. */
    if (backend == BACKEND_VIEWS && target == current) return target;
    return switch_to(target, false);
}

int melf_switch_all(int variant) {
    if (variant == NOT_PINNED) {
        __atomic_store_n(&pinned, NOT_PINNED, __ATOMIC_RELEASE);
        return melf_current();
    }
    int before = switch_to(variant, true);
    if (before >= 0) __atomic_store_n(&pinned, variant, __ATOMIC_RELEASE);
    return before;
}

/* Before main, so that no function of the program is on the stack yet. */
__attribute__((constructor(101))) static void start(void) {
    const char *name = getenv("MELF_VARIANT");
    if (name == NULL || *name == '\0') return;
    int variant = melf_variant(name);
    if (variant >= 0 && melf_switch(variant) >= 0) return;
    dprintf(STDERR_FILENO, "melf: MELF_VARIANT=%s: %s; this program has", name,
            variant < 0 ? "no such variant" : strerror(errno));
    for (int i = 0; i < variant_count; i++) dprintf(STDERR_FILENO, " %s", variant_names[i]);
    dprintf(STDERR_FILENO, "\n");
    _exit(64);
}
