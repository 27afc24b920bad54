/*
 * See melf.h. Environment:
 *   MELF_VARIANT=name   the variant that the program starts in (before main and before its constructors of ordinary priority)
 *   MELF_VERBOSE=1      what is done, on stderr
 *   MELF_MANAGER=outside   somebody outside chooses what is executed
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "melf-format.h"
#include "melf-glob.h"

/* The mmview system call: one number, the operation first. An older kernel has a call for each operation, of which 1000 has another meaning. */
enum { SYS_mmview = 1000 };
enum { SYS_mmview_create = 1000, SYS_mmview_migrate = 1001, SYS_mmview_share = 1002, SYS_mmview_delete = 1003 };
enum { MMVIEW_CREATE = 0, MMVIEW_DELETE = 1, MMVIEW_CURRENT = 2, MMVIEW_MIGRATE = 3, MMVIEW_UNSHARE = 4 };

/* Choices are the variants, and after them what melf_view_create made. */
enum { MAX_VARIANTS = 64, MAX_CHOICES = 256, NO_VIEW = -1, UNKNOWN = -1, NOT_PINNED = -1 };

/* Absent in a program that another linker made. */
extern const struct genmeta genmeta_start __attribute__((weak));
extern const unsigned char __melf_start[] __attribute__((weak));

/* BOOKS: somebody outside switches, and only what the program asked for is kept. */
enum backend { BACKEND_NONE, BACKEND_VIEWS, BACKEND_OVERWRITE, BACKEND_BOOKS };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int ready; /* atomic: `once` is through */
static int init_error;
static enum backend backend = BACKEND_NONE;
static bool verbose;
static bool managed_outside;
/* Timer slack of the process, ns; see note. */
static long slack;
static int variant_count = 1;
static int choice_count = 1; /* atomic */
static const char *choice_names[MAX_CHOICES] = {"default"};
/* Of a mixed choice: the variant of each page group. */
static const unsigned char *choice_groups[MAX_CHOICES];
static char *window;
static size_t window_bytes;

/*
 * Serialises what changes the tables below, and the code where it is overwritten; a switch to a view that exists does not take it. Who holds it
 * has all signals blocked (see enter): no handler can wait for what it interrupted.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sigset_t forker_mask; /* of the thread that forks, while it holds the lock */
/* View of each choice (atomic), NO_VIEW until somebody needs it. */
static long views[MAX_CHOICES];
/* Without views: what the one address space holds. */
static int process_variant;
/* What melf_switch_all asked for. */
static int pinned = NOT_PINNED;

/* A thread inherits its creator's view, not its thread-local data: so it has to ask once. */
static __thread volatile int current = UNKNOWN;

/* The process that the tables are of. */
static pid_t owner;

static bool separate_calls; /* the kernel is of the older kind */

static long mmview(long operation, long a, long b) {
    if (!separate_calls) return syscall(SYS_mmview, operation, a, b);
    switch (operation) {
    case MMVIEW_CREATE: return syscall(SYS_mmview_create);
    case MMVIEW_DELETE: return syscall(SYS_mmview_delete, a);
    case MMVIEW_CURRENT: return syscall(SYS_mmview_migrate, -1L);
    case MMVIEW_MIGRATE: return syscall(SYS_mmview_migrate, a);
    default: return syscall(SYS_mmview_share, a, b, 0L); /* unshare(a, b), or set_shared(a, b, false) */
    }
}

/*
 * System calls as they are: libc's open, read, write and close are cancellation points, and a thread that ended in one would take the lock with it, or
 * a window that cannot be executed.
 */
static int open_file(const char *path) {
    return (int)syscall(SYS_openat, (long)AT_FDCWD, path, (long)(O_RDONLY | O_CLOEXEC));
}

static void close_file(int file) {
    int saved = errno;
    syscall(SYS_close, (long)file);
    errno = saved;
}

static ssize_t read_file(int file, void *to, size_t bytes, off_t from) {
    return syscall(SYS_pread64, (long)file, to, bytes, (long)from);
}

/* What a conversion of tell gives: the argument as text, in `digits` where it is a number. */
static const char *converted(char conversion, va_list *arguments, char digits[24]) {
    if (conversion == 's') return va_arg(*arguments, const char *);
    bool is_pointer = conversion == 'p';
    long number = conversion == 'd' ? va_arg(*arguments, int) : is_pointer ? 0 : va_arg(*arguments, long);
    unsigned long rest = is_pointer ? (unsigned long)(uintptr_t)va_arg(*arguments, void *)
                                    : number < 0 ? -(unsigned long)number : (unsigned long)number;
    unsigned long base = is_pointer ? 16 : 10;
    char *at = digits + 23;
    *at = '\0';
    do *--at = "0123456789abcdef"[rest % base];
    while ((rest /= base) != 0);
    if (is_pointer) *--at = 'x', *--at = '0';
    if (number < 0) *--at = '-';
    return at;
}

/* To stderr, in one write. Knows %s, %d, %l (a long) and %p, and nothing that a signal handler may not do: dprintf may allocate. */
static void print(const char *format, va_list *arguments) {
    char line[512], digits[24];
    size_t used = 0;
    for (; *format != '\0' && used < sizeof line; format++) {
        if (*format != '%') {
            line[used++] = *format;
            continue;
        }
        for (const char *text = converted(*++format, arguments, digits); *text != '\0' && used < sizeof line; text++)
            line[used++] = *text;
    }
    syscall(SYS_write, (long)STDERR_FILENO, line, used); /* if it fails there is nobody else to tell */
}

static void tell(const char *format, ...) {
    if (!verbose) return;
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    print(format, &arguments);
    va_end(arguments);
    errno = saved;
}

/* The last words of a process. */
static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print(format, &arguments);
    va_end(arguments);
}

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) & ~(page - 1);
}

static int inherited(void);
static int choice_in_window(int guess);

/*
 * Whether this is a child that before_fork and its like have not seen: made by _Fork, or by a system call. From here on the tables are its own. Its views
 * are gone but for the one that it is in, and whoever had the lock is not here; `guess` is what its one thread may be in.
 */
static bool starts_again_in_child(int guess) {
    pid_t here = getpid();
    if (here == __atomic_load_n(&owner, __ATOMIC_ACQUIRE)) return false;
    int saved = errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (here != owner) { /* no handler has done it meanwhile */
        lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        for (int i = 0; i < MAX_CHOICES; i++) views[i] = NO_VIEW;
        if (backend == BACKEND_VIEWS) {
            current = choice_in_window(guess);
            if (current != UNKNOWN) views[current] = mmview(MMVIEW_CURRENT, 0, 0);
        }
        __atomic_store_n(&owner, here, __ATOMIC_RELEASE);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return true;
}

/* Signals first: a handler that came while its thread holds the lock, and wants it, too, would wait for ever. */
static void enter(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    starts_again_in_child(current);
    pthread_mutex_lock(&lock);
}

static void leave(const sigset_t *before) {
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* Nobody else may be half way through a change of the tables when they are copied. */
static void before_fork(void) {
    sigset_t before;
    if (backend == BACKEND_VIEWS) current = inherited();
    enter(&before);
    forker_mask = before;
}

static void after_fork(void) {
    sigset_t before = forker_mask;
    leave(&before);
}

/* In the child of a fork the caller's view is the only one and bears number 0; the child's one thread is in it. */
static void after_fork_in_child(void) {
    owner = getpid();
    if (backend == BACKEND_VIEWS) {
        for (int i = 0; i < MAX_CHOICES; i++) views[i] = NO_VIEW;
        if (current != UNKNOWN) views[current] = 0;
    }
    after_fork();
}

static bool has_variants(void) { return &genmeta_start != NULL && genmeta_start.segments >= 2; }

static long unshare_window(void) {
    return mmview(MMVIEW_UNSHARE, (long)(uintptr_t)window, (long)window_bytes);
}

/* System calls and stores only: the first caller may be a signal handler. */
static void initialise(void) {
    if (!has_variants()) {
        tell("melf: this program has no variants\n");
        return;
    }
    if (genmeta_start.segments > MAX_VARIANTS) {
        init_error = E2BIG;
        return;
    }
    owner = getpid();
    variant_count = (int)genmeta_start.segments;
    window = (char *)(uintptr_t)genmeta_start.virtual_address;
    window_bytes = whole_pages(genmeta_start.segment_bytes);
    for (int i = 0; i < variant_count; i++) choice_names[i] = melf_format_name(__melf_start, i);
    for (int i = 0; i < MAX_CHOICES; i++) views[i] = NO_VIEW;
    choice_count = variant_count;
    if (managed_outside) {
        slack = syscall(SYS_prctl, (long)PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L);
        backend = BACKEND_BOOKS;
        tell("melf: %d variants; a manager outside chooses what is executed, switches are only noted\n", variant_count);
        return;
    }
    /* Only allowed while there is one view: from here on a write into the window concerns the writer's view alone. */
    long made = unshare_window();
    if (made > 0) {
        /* To an older kernel that was the creation of a view. It is the only other one. */
        separate_calls = true;
        mmview(MMVIEW_DELETE, made, 0);
        made = unshare_window();
    }
    if (made == 0) {
        backend = BACKEND_VIEWS;
        views[0] = mmview(MMVIEW_CURRENT, 0, 0);
    } else if (errno == ENOSYS) {
        backend = BACKEND_OVERWRITE;
    } else {
        init_error = errno;
        return;
    }
    tell("melf: %d variants, window %p, %l bytes, %s\n", variant_count, (void *)window, (long)window_bytes,
         backend == BACKEND_VIEWS ? "a view for each" : "no views on this kernel: the whole process switches");
}

int melf_init(void) {
    if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_once(&once, initialise);
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
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
    return variant >= 0 && variant < __atomic_load_n(&choice_count, __ATOMIC_ACQUIRE) ? choice_names[variant] : NULL;
}

int melf_variant(const char *name) {
    melf_init();
    for (int i = 0; i < variant_count; i++)
        if (strcmp(choice_names[i], name) == 0) return i;
    return -1;
}

/* Reads a part of a variant's code from the program's own file into its place. */
static int read_part(int file, int variant, size_t from, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read_file(file, window + from + done, bytes - done,
                                (off_t)(genmeta_start.file_offsets[variant] + from + done));
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO;
        if (got <= 0) return -1;
        done += (size_t)got;
    }
    return 0;
}

/* Calls `put` for each part of the window that one variant fills: all of it, or page group by page group. */
static int for_each_part(int file, int choice, int (*put)(int file, int variant, size_t from, size_t bytes)) {
    const unsigned char *groups = choice_groups[choice];
    if (groups == NULL) return put(file, choice, 0, genmeta_start.segment_bytes);
    struct melf_header header;
    melf_format_header(__melf_start, &header);
    for (uint32_t i = 0; i < header.page_groups.entries; i++) {
        struct melf_group_entry group;
        melf_format_entry(__melf_start, header.page_groups, i, &group, sizeof group);
        /* Both as linked: in a program that runs elsewhere only .genmeta has the address of there. */
        if (put(file, groups[i], (size_t)(group.address - header.window_address), (size_t)group.bytes) != 0) return -1;
    }
    return 0;
}

static int with_program(int choice, int (*put)(int file, int variant, size_t from, size_t bytes)) {
    int file = open_file("/proc/self/exe");
    if (file < 0) return -1;
    int result = for_each_part(file, choice, put);
    close_file(file);
    return result;
}

/* Puts a choice's code into the window of the calling thread's view. */
static int fill_window(int choice) {
    if (mprotect(window, window_bytes, PROT_READ | PROT_WRITE) != 0) return -1;
    int result = with_program(choice, read_part);
    int error = errno;
    if (mprotect(window, window_bytes, PROT_READ | PROT_EXEC) != 0) {
        /* The view has code that cannot be executed: there is no way on from here. */
        complain("melf: the overlay window cannot be made executable again: error %d\n", errno);
        abort();
    }
    __builtin___clear_cache(window, window + window_bytes);
    errno = error;
    return result;
}

/*
 * A new view, a copy of the caller's, with the choice's code in its window. With all signals blocked: a handler may be multivariant code, and
 * the new window cannot be executed while it is being filled.
 */
static long create_view(int choice) {
    long view = mmview(MMVIEW_CREATE, 0, 0);
    if (view < 0) return -1;
    long home = mmview(MMVIEW_MIGRATE, view, 0);
    int result = home < 0 ? -1 : fill_window(choice);
    int error = errno;
    if (home >= 0) mmview(MMVIEW_MIGRATE, home, 0);
    if (result != 0) {
        mmview(MMVIEW_DELETE, view, 0);
        errno = error;
        return -1;
    }
    tell("melf: view %l holds variant %s\n", view, choice_names[choice]);
    return view;
}

/* Out of line, as all that is rare: the switch to a view that exists has no registers to save for it. */
__attribute__((noinline)) static long make_view_of(int variant) {
    sigset_t before;
    enter(&before);
    long view = views[variant];
    if (view == NO_VIEW) {
        view = create_view(variant);
        if (view >= 0) __atomic_store_n(&views[variant], view, __ATOMIC_RELEASE);
    }
    leave(&before);
    return view;
}

static long view_of(int variant) {
    long view = __atomic_load_n(&views[variant], __ATOMIC_ACQUIRE);
    return view != NO_VIEW ? view : make_view_of(variant);
}

/* What a view shows, if this library made it, or UNKNOWN. */
static int choice_of(long view) {
    for (int i = 0; i < __atomic_load_n(&choice_count, __ATOMIC_ACQUIRE); i++)
        if (__atomic_load_n(&views[i], __ATOMIC_ACQUIRE) == view) return i;
    return UNKNOWN;
}

/* Compares a part with the program's file: 0, or -1 with errno, ENOENT where they differ. */
static int compare_part(int file, int variant, size_t from, size_t bytes) {
    void *code = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, (off_t)(genmeta_start.file_offsets[variant] + from));
    if (code == MAP_FAILED) return -1;
    bool equal = memcmp(code, window + from, bytes) == 0;
    munmap(code, bytes);
    if (!equal) errno = ENOENT;
    return equal ? 0 : -1;
}

/* The choice whose code is in the window, `guess` if that is, or UNKNOWN with errno. */
static int choice_in_window(int guess) {
    int before = errno, count = __atomic_load_n(&choice_count, __ATOMIC_ACQUIRE);
    int found = guess != UNKNOWN && with_program(guess, compare_part) == 0 ? guess : UNKNOWN;
    errno = ENOENT;
    for (int i = 0; i < count && found == UNKNOWN && errno == ENOENT; i++)
        if (with_program(i, compare_part) == 0) found = i;
    if (found != UNKNOWN) errno = before;
    return found;
}

/*
 * What the program asked for, where a manager outside decides: the kernel has it as some ns more timer slack than the process had, for that is what a new
 * thread and a child inherit, as they do a view. One call at every switch: whoever is outside sees where the program holds one for safe.
 */
static void note(int choice) {
    current = UNKNOWN;
    if (slack > 0) syscall(SYS_prctl, (long)PR_SET_TIMERSLACK, slack + choice, 0L, 0L, 0L);
    current = choice;
}

static int noted(void) {
    int here = current;
    if (here != UNKNOWN) return here;
    long more = syscall(SYS_prctl, (long)PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L) - slack;
    return more > 0 && more < __atomic_load_n(&choice_count, __ATOMIC_ACQUIRE) ? (int)more : 0;
}

/* What a thread is in that has not switched yet, or that somebody outside may have switched. */
static int inherited(void) {
    if (backend == BACKEND_OVERWRITE) return __atomic_load_n(&process_variant, __ATOMIC_ACQUIRE);
    if (backend == BACKEND_BOOKS) return noted();
    if (backend == BACKEND_VIEWS) {
        long view = mmview(MMVIEW_CURRENT, 0, 0);
        int here = current;
        if (here != UNKNOWN && __atomic_load_n(&views[here], __ATOMIC_ACQUIRE) == view) return here;
        starts_again_in_child(here);
        int choice = choice_of(view);
        if (choice != UNKNOWN) return choice;
    } else if (window == NULL) {
        return 0; /* no variants, or more than are known here */
    }
    return choice_in_window(UNKNOWN); /* a view that is not ours */
}

int melf_current(void) {
    melf_init();
    int choice = inherited();
    if (backend == BACKEND_VIEWS) current = choice;
    return choice;
}

/*
 * Whether a thread executes nothing of the process any more. The kernel still counts it when pthread_join returns: it wakes the joiner first. PF_EXITING
 * is among the flags in its stat file (proc(5)) before that.
 */
static bool is_ending(const char *tid) {
    enum { FIELDS_BEFORE_FLAGS = 7, PF_EXITING = 4 };
    char path[64] = "/proc/self/task/", text[512];
    strncat(path, tid, 20);
    strcat(path, "/stat");
    int file = open_file(path);
    if (file < 0) return errno == ENOENT;
    ssize_t got = read_file(file, text, sizeof text - 1, 0);
    close_file(file);
    if (got < 0) return errno == ESRCH;
    text[got] = '\0';
    /* The fields count from behind the name, which may have any characters in it. */
    const char *at = strrchr(text, ')');
    for (int i = 0; at != NULL && i < FIELDS_BEFORE_FLAGS; i++) at = strchr(at + 1, ' ');
    unsigned long flags = 0;
    if (at != NULL)
        for (at++; *at >= '0' && *at <= '9'; at++) flags = flags * 10 + (unsigned long)(*at - '0');
    return (flags & PF_EXITING) != 0;
}

static bool has_other_threads(void) {
    struct stat tasks;
    /* ".", ".." and one folder for each thread */
    if (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink <= 3) return false;
    struct entry {
        uint64_t inode, next;
        uint16_t bytes;
        unsigned char type;
        char name[];
    };
    uint64_t entries[128];
    int folder = open_file("/proc/self/task");
    if (folder < 0) return true;
    long self = syscall(SYS_gettid), got;
    bool found = false;
    while (!found && (got = syscall(SYS_getdents64, (long)folder, entries, sizeof entries)) > 0) {
        for (long at = 0; at < got && !found;) {
            const struct entry *task = (const struct entry *)((char *)entries + at);
            long tid = 0;
            for (const char *digit = task->name; *digit >= '0' && *digit <= '9'; digit++) tid = tid * 10 + (*digit - '0');
            found = tid != 0 && tid != self && !is_ending(task->name);
            at += task->bytes;
        }
    }
    close_file(folder);
    return found || got < 0;
}

/* The file's own pages, shared with every process that executes them: nothing is copied. */
static int map_part(int file, int variant, size_t from, size_t bytes) {
    void *at = mmap(window + from, whole_pages(bytes), PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file,
                    (off_t)(genmeta_start.file_offsets[variant] + from));
    return at == MAP_FAILED ? -1 : 0;
}

static int overwrite(int choice) {
    if (with_program(choice, map_part) != 0) return -1;
    __builtin___clear_cache(window, window + window_bytes);
    __atomic_store_n(&process_variant, choice, __ATOMIC_RELEASE);
    tell("melf: the process executes variant %s\n", choice_names[choice]);
    return 0;
}

__attribute__((noinline)) static int switch_process(int variant, bool vouched) {
    if (__atomic_load_n(&process_variant, __ATOMIC_ACQUIRE) == variant) return variant;
    sigset_t mask;
    enter(&mask);
    int before = process_variant, result = before;
    if (before != variant && !vouched && has_other_threads()) {
        errno = EBUSY;
        result = -1;
    } else if (before != variant && overwrite(variant) != 0) {
        result = -1;
    }
    leave(&mask);
    return result;
}

static int switch_thread(int variant);

/* The thread was not where it was remembered to be when it left for a variant, or could not leave (-1). */
__attribute__((noinline)) static int surprised(int before, int variant, long left) {
    if (starts_again_in_child(before)) return switch_thread(variant);
    current = left >= 0 ? variant : before;
    if (left < 0) return -1;
    int choice = choice_of(left); /* where somebody outside has put it */
    return choice != UNKNOWN ? choice : before != UNKNOWN ? before : 0;
}

static int switch_thread(int variant) {
    int before = current == UNKNOWN ? inherited() : current;
    if (before == variant) return current = before;
    long view = view_of(variant);
    if (view < 0) return -1;
    /* A signal handler that switches, and switches back, must not take the old variant for what it interrupted. */
    current = UNKNOWN;
    long left = mmview(MMVIEW_MIGRATE, view, 0);
    if (before == UNKNOWN || left < 0 || left != __atomic_load_n(&views[before], __ATOMIC_ACQUIRE))
        return surprised(before, variant, left);
    current = variant;
    return before;
}

static int switch_to(int variant, bool vouched) {
    if (melf_init() != 0) return -1;
    if (variant < 0 || variant >= __atomic_load_n(&choice_count, __ATOMIC_ACQUIRE)) {
        errno = EINVAL;
        return -1;
    }
    if (backend == BACKEND_VIEWS) return switch_thread(variant);
    if (backend == BACKEND_OVERWRITE) return switch_process(variant, vouched);
    if (backend == BACKEND_BOOKS) {
        int before = noted();
        note(variant);
        return before;
    }
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
        int here = melf_current();
        return here == UNKNOWN ? 0 : here;
    }
    int before = switch_to(variant, true);
    if (before >= 0) __atomic_store_n(&pinned, variant, __ATOMIC_RELEASE);
    return before;
}

/* One variant name of a spec, with blanks around it. */
static int named_variant(const char *from, const char *to) {
    while (from < to && *from == ' ') from++;
    while (to > from && to[-1] == ' ') to--;
    for (int i = 0; i < variant_count; i++)
        if (strlen(choice_names[i]) == (size_t)(to - from) && memcmp(choice_names[i], from, (size_t)(to - from)) == 0)
            return i;
    errno = EINVAL;
    return -1;
}

static const char *function_name(const struct melf_header *header, uint32_t index) {
    struct melf_function_entry f;
    melf_format_entry(__melf_start, header->functions, index, &f, sizeof f);
    return (const char *)__melf_start + header->strings_offset + f.name;
}

/* Fills in the variant of each function; returns the default's number, or -1 with errno. */
static int read_spec(const struct melf_header *header, const char *spec, unsigned char *wanted) {
    const char *end = spec + strcspn(spec, ",");
    int fallback = named_variant(spec, end);
    if (fallback < 0) return -1;
    memset(wanted, fallback, header->functions.entries);
    while (*end == ',') {
        const char *rule = end + 1 + strspn(end + 1, " ");
        end = rule + strcspn(rule, ",");
        const char *equals = memchr(rule, '=', (size_t)(end - rule));
        int variant = equals == NULL ? -1 : named_variant(equals + 1, end);
        char pattern[256];
        while (equals != NULL && equals > rule && equals[-1] == ' ') equals--;
        if (variant < 0 || (size_t)(equals - rule) >= sizeof pattern) {
            errno = EINVAL;
            return -1;
        }
        memcpy(pattern, rule, (size_t)(equals - rule));
        pattern[equals - rule] = '\0';
        bool found = false;
        for (uint32_t i = 0; i < header->functions.entries; i++) {
            if (!glob_matches(pattern, function_name(header, i))) continue;
            wanted[i] = (unsigned char)variant;
            found = true;
        }
        if (found) continue;
        tell("melf: no multivariant function matches %s\n", pattern);
        errno = EINVAL;
        return -1;
    }
    return fallback;
}

/* Whether a function's body of one variant is the very code that another has. */
static bool equal_bodies(const struct melf_header *header, uint32_t function, int a, int b) {
    struct melf_function_entry f;
    struct melf_body_entry one, other;
    melf_format_entry(__melf_start, header->functions, function, &f, sizeof f);
    melf_format_entry(__melf_start, header->bodies, f.first_body + (uint32_t)a, &one, sizeof one);
    melf_format_entry(__melf_start, header->bodies, f.first_body + (uint32_t)b, &other, sizeof other);
    return one.hash == other.hash && one.bytes == other.bytes;
}

/*
 * A variant that shows every function of a page group as wanted, or -1. Of several the one that a function asks for by name; it need not be asked for
 * by any: a third may have the bodies of both.
 */
static int variant_of_group(const struct melf_header *header, const struct melf_group_entry *group,
                            const unsigned char *wanted) {
    uint32_t last = group->first_function + group->functions;
    for (uint32_t candidate = 0; candidate < group->functions + (uint32_t)variant_count; candidate++) {
        int variant = candidate < group->functions ? wanted[group->first_function + candidate]
                                                   : (int)(candidate - group->functions);
        bool shows_all = true;
        for (uint32_t i = group->first_function; shows_all && i < last; i++)
            shows_all = equal_bodies(header, i, variant, wanted[i]);
        if (shows_all) return variant;
    }
    for (uint32_t i = group->first_function; i < last; i++)
        tell("melf: %s would be %s, in one page with the others\n", function_name(header, i), choice_names[wanted[i]]);
    errno = ENOTSUP;
    return -1;
}

static unsigned char *groups_for(const char *spec) {
    struct melf_header header;
    if (!melf_format_header(__melf_start, &header)) {
        errno = ENOTSUP;
        return NULL;
    }
    unsigned char *wanted = malloc(header.functions.entries + 1), *groups = malloc(header.page_groups.entries + 1);
    bool done = wanted != NULL && groups != NULL;
    int fallback = done ? read_spec(&header, spec, wanted) : -1;
    done = fallback >= 0;
    for (uint32_t i = 0; done && i < header.page_groups.entries; i++) {
        struct melf_group_entry group;
        melf_format_entry(__melf_start, header.page_groups, i, &group, sizeof group);
        int variant = group.functions == 0 ? fallback : variant_of_group(&header, &group, wanted);
        done = variant >= 0;
        groups[i] = (unsigned char)variant;
    }
    int error = errno;
    free(wanted);
    if (!done) free(groups);
    errno = error;
    return done ? groups : NULL;
}

int melf_view_create(const char *spec) {
    if (melf_init() != 0) return -1;
    unsigned char *groups = groups_for(spec);
    if (groups == NULL) return -1;
    char *name = strdup(spec);
    int choice = -1;
    sigset_t before;
    enter(&before);
    int error = name == NULL ? ENOMEM : choice_count == MAX_CHOICES ? ENOSPC : 0;
    if (error == 0) {
        choice = choice_count;
        choice_names[choice] = name;
        choice_groups[choice] = groups;
        __atomic_store_n(&choice_count, choice + 1, __ATOMIC_RELEASE);
    }
    leave(&before);
    if (error != 0) {
        free(name);
        free(groups);
        errno = error;
    }
    return choice;
}

/*
 * Before main, so that no function of the program is on the stack yet, and that what may not be done in a signal handler is done (the
 * environment is read, pthread_atfork allocates). The one thread is all there is: what else /proc may show belongs to an emulator around
 * it (qemu-user has threads of its own).
 */
__attribute__((constructor(101))) static void start(void) {
    const char *wish = getenv("MELF_VERBOSE"), *name = getenv("MELF_VARIANT");
    const char *manager = getenv("MELF_MANAGER");
    managed_outside = manager != NULL && strcmp(manager, "outside") == 0;
    /* Whoever set it meant this program, not those that it executes. */
    if (managed_outside) unsetenv("MELF_MANAGER");
    verbose = wish != NULL && *wish != '\0' && strcmp(wish, "0") != 0;
    if (has_variants()) init_error = pthread_atfork(before_fork, after_fork, after_fork_in_child);
    if (name == NULL || *name == '\0') return;
    int variant = melf_variant(name);
    if (variant >= 0 && switch_to(variant, true) >= 0) return;
    complain("melf: MELF_VARIANT=%s: %s; this program has", name, variant < 0 ? "no such variant" : strerror(errno));
    for (int i = 0; i < variant_count; i++) complain(" %s", choice_names[i]);
    complain("\n");
    _exit(64);
}
