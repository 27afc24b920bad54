/* Functions with pages of their own, and some that are packed: which variant of each does a view show? */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "melf.h"

int validate_query(void);
int validate_user(void);
int hash(void);
int packed_one(void);
int packed_two(void);
int same_everywhere(void);

#ifdef VARIANT_CODE
#define RETURNS(name, number)                                                                                          \
    int name(void) { return number + VARIANT_CODE; }
RETURNS(validate_query, 10)
RETURNS(validate_user, 20)
RETURNS(hash, 30)
#if VARIANT_CODE == 2 /* the first's packed_one beside the second's packed_two */
int packed_one(void) { return 40; }
int packed_two(void) { return 51; }
#else
RETURNS(packed_one, 40)
RETURNS(packed_two, 50)
#endif
int same_everywhere(void) { return 60; }
#else

static void show(const char *what) {
    printf("%s: %d %d %d %d %d %d\n", what, validate_query(), validate_user(), hash(), packed_one(), packed_two(), same_everywhere());
    fflush(stdout);
}

static void tell_current(void) {
    errno = 0;
    int here = melf_current(), error = errno;
    printf("current: %s%s\n", here < 0 ? "none" : melf_variant_name(here), error == ENOENT ? ", ENOENT" : "");
    fflush(stdout);
}

static void try(const char *spec) {
    errno = 0;
    int view = melf_view_create(spec);
    if (view < 0) {
        printf("%s: %s\n", spec, errno == EINVAL ? "EINVAL" : errno == ENOTSUP ? "ENOTSUP" : "another error");
        return;
    }
    int before = melf_switch(view);
    show(spec);
    if (melf_current() != view || strcmp(melf_variant_name(view), spec) != 0) printf("but it is not the current one\n");
    melf_switch(before);
}

static void *thread(void *view) {
    melf_switch((int)(long)view);
    show("another thread");
    return NULL;
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "outside") == 0) { /* somebody outside chooses */
        for (int i = 0; i < 2; i++) show("outside");
        tell_current();
        return 0;
    }
    if (count > 1) { /* somebody outside moves the thread to prof whenever it has written a line */
        tell_current();
        tell_current();
        int before = melf_switch(2), here = melf_current();
        printf("from %s to %s\n", melf_variant_name(before), melf_variant_name(here));
        fflush(stdout);
        before = melf_switch(2); /* it takes itself to be there already */
        here = melf_current();
        printf("%s stays %s\n", melf_variant_name(before), melf_variant_name(here));
        fflush(stdout);
        before = melf_switch(2);
        here = melf_current();
        printf("from %s to %s\n", melf_variant_name(before), melf_variant_name(here));
        return 0;
    }
    show("default");
    try("fast");
    try("prof");
    try("fast, validate_*=prof");
    try("prof,hash=fast");
    try("prof, validate_*=fast, validate_user=prof, hash = fast");
    try("fast, packed_*=prof");
    try("fast, packed_one=prof");
    try("fast, packed_two=prof");
    try("fast, same_everywhere=prof");
    try("fast, nothing=prof");
    try("fast, has?=prof");
    try("fast, *_??er=prof, ?=prof");
    try("fast, has[gh]=prof");
    try("slow");
    try("fast, hash=slow");
    try("fast, hash");
    show("default");
    int view = melf_view_create("fast, hash=prof");
    pthread_t other;
    if (melf_switch(view) != 0) return 1;
    pthread_create(&other, NULL, thread, (void *)(long)melf_view_create("prof, hash=fast"));
    pthread_join(other, NULL);
    show("this thread");
    return 0;
}
#endif
