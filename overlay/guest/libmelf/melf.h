/*
 * libmelf: chooses, at run time, which variant of a multivariant executable (MELF) a thread executes.
 *
 * A MELF holds several compiles ("variants") of the same functions at the same addresses. On a kernel with address-space views
 * (the mmview system call) every variant gets a view of its own and a switch concerns one thread; elsewhere the one address space
 * is overwritten, which concerns the whole process. Programs that were linked without variants work too: they have one.
 *
 * WHEN A SWITCH IS SAFE. Only the entry addresses of multivariant functions are equal in all variants, not what lies between.
 * So the thread that switches must have no multivariant function on its stack: the caller of melf_switch and everything above
 * it must be common code (see --common of melf link).
 *
 * All functions may be called by several threads at once. All but melf_view_create may also be called from signal handlers, whatever they
 * interrupted, these functions included: they make system calls and, where they have to take the library's lock, block all signals for as long as
 * they have it. (melf_view_create allocates.) What holds for every switch holds there, too: if the handler interrupted a multivariant
 * function, it must have switched back when it returns. So it is for the whole process where there are no views. None of them is a cancellation
 * point: a thread that was cancelled ends behind them.
 *
 * A child goes on in its maker's variant. One that was made past pthread_atfork's handlers (_Fork, clone by a system call) finds out at its first call
 * that asks the kernel or changes something; it has to make that, melf_current say, before it has threads. The child of vfork has its maker's memory, that of
 * this library included: it must call nothing of it.
 *
 * Environment: MELF_VARIANT=name is the variant that the program starts in (no such one: it ends with 64 and says which there are);
 * MELF_VERBOSE=1 tells on stderr what is done. MELF_MANAGER=outside is set by a manager outside (melf run --chaos-switch, --function) that chooses what
 * each thread executes: then this library leaves the views alone and only keeps the books. All functions answer as if it had switched, the threads and
 * children that inherit included, each melf_switch makes a system call, and melf_current tells what was asked for, not what is executed. The number is
 * kept as some ns of timer slack (PR_SET_TIMERSLACK). Programs that this one executes are not told.
 *
 * Beside the errors named below, errno may be what a system call said that a switch is made of: ENOMEM, EMFILE, ENOENT or EACCES without
 * /proc/self/exe, EPERM where the kernel watches switches and refuses one that is not safe (melf run --switch-safety=strict).
 */
#ifndef MELF_H
#define MELF_H

#ifdef __cplusplus
extern "C" {
#endif

/* Reads the executable's description and prepares the overlay window. Every other function calls it when needed; to call it
 * early, while the process has one thread, is good style (a constructor of priority 101 has registered what fork needs before main).
 * Returns 0, or -1 with errno. */
int melf_init(void);

/* Number of variants; 1 in a program that was linked without. */
int melf_variant_count(void);

/* Name of a variant, or NULL when there is no such one. */
const char *melf_variant_name(int variant);

/* Number of the variant with that name, or -1. */
int melf_variant(const char *name);

/* Lets the calling thread go on in a variant. Costs no system call when it is there already, as far as this library knows: what somebody outside
 * did to the thread meanwhile it learns from melf_current. Returns the variant it was in (0 for a mixture made outside), or -1 with errno: EINVAL (no such variant), EBUSY (no views on this kernel, and the process has other threads, which an overwrite
 * of the code would hit; those that have been joined or have begun to end do not count). */
int melf_switch(int variant);

/* Puts the whole process into a variant: the calling thread at once, each other thread at its next melf_switch, whatever variant
 * that asks for; a variant of -1 ends this. Without views the code of all threads changes at once: the caller vouches that none
 * of them has a multivariant function on its stack. Returns as melf_switch does. */
int melf_switch_all(int variant);

/* What the calling thread is in: of the kernel, with one system call, so that it is right also where somebody outside (melf run --variant, a policy of
 * a sandbox) has switched the thread. A view that this library did not make is told by its code, with some more calls. Returns -1 with errno
 * where none of the variants is there: ENOENT, a mixture made outside. */
int melf_current(void);

/* A view that mixes variants function by function: "fast, validate_*=prof, hash=prof" shows variant fast, but functions whose names match a
 * pattern in another one; `*` is any number of characters, `?` one, nothing else is special; the last pattern that matches counts. Returns a number that melf_switch takes as it takes a variant's,
 * and whose melf_variant_name is the text; or -1 with errno: EINVAL (no such variant or function), ENOTSUP (one page would have to show
 * two variants, or the file does not say where its functions are; MELF_VERBOSE names the functions: link them with --page-align, or
 * page-align of [link] in melf.toml), ENOSPC (too many), ENOMEM. */
int melf_view_create(const char *spec);

#ifdef __cplusplus
}
#endif
#endif
