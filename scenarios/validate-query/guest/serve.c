/*
 * Serves two clients, one of which is profiled, in turn. Common code in every build. It tells the machine where it is by a system
 * call that only this lesson's machine has: the machine then notes how many instructions were executed so far.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "validate.h"

#ifdef MELF
#include "melf.h"
static int fast, prof;
static void prepare(void) { fast = melf_variant("fast"), prof = melf_variant("prof"); }
static void choose(const client_t *c) {
    if (melf_switch(c->prof ? prof : fast) < 0) abort();
}
#else
static void prepare(void) {}
static void choose(const client_t *c) { (void)c; }
#endif

enum { MARK_SWITCH, MARK_CALLS, MARK_NOTHING, MARK_DONE };
static void mark(int what) { syscall(1999, what); }

/* What stands for validate_query when the loop around it is measured. */
validation_t nothing(client_t *c, query_t *q);
__asm__(".text; .globl nothing; .type nothing, @function; nothing: ret; .size nothing, . - nothing");

static query_t queries[] = {
    {"3?name=17&size=2048"}, {"7"},      {"3?id=1&id=2&id=3&id=4&id=5"}, {"31?page=9"},
    {"12?secret=1"},         {"99?a=1"}, {"5?broken"},                   {"0?from=100&until=200"},
};
enum { QUERIES = sizeof queries / sizeof *queries };

static uint32_t mix(uint32_t sum, validation_t one) {
    return (sum ^ one.params ^ one.sum ^ one.table << 8 ^ one.refused << 16) * 0x9e3779b1u;
}

/* One function for both loops, so that nothing but the called function differs between them. */
__attribute__((noinline, noclone)) static uint32_t serve(validation_t (*validate)(client_t *, query_t *), client_t *c,
                                                         unsigned calls, int what) {
    uint32_t sum = 0;
    mark(what);
    for (unsigned i = 0; i < calls; i++) sum = mix(sum, validate(c, &queries[i % QUERIES]));
    mark(MARK_DONE);
    return sum;
}

int main(int count, char **arguments) {
    static client_t clients[] = {{0x8000008bu, 0}, {0x8000008bu, 1}};
    if (count != 3) return 2;
    unsigned rounds = (unsigned)atoi(arguments[1]), calls = (unsigned)atoi(arguments[2]);
    prepare();
    for (unsigned round = 0; round < rounds; round++) {
        for (int i = 0; i < 2; i++) {
            client_t *c = &clients[i];
            mark(MARK_SWITCH);
            choose(c);
            mark(MARK_DONE);
            uint32_t sum = serve(validate_query, c, calls, MARK_CALLS);
            serve(nothing, c, calls, MARK_NOTHING);
            printf("client %d: %08x\n", i, sum);
        }
    }
    return 0;
}
