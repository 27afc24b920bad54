#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>

/*
 * Which statements SQLite executes with its assertions. Text forms:
 *   never | always | threads:1,3 | share:25 (percent) | every:10 | request (those that a client marks) | middle (changes at each call of SQLite)
 */
enum policy_kind { POLICY_NEVER, POLICY_ALWAYS, POLICY_THREADS, POLICY_SHARE, POLICY_EVERY, POLICY_REQUEST, POLICY_MIDDLE };

struct policy {
    enum policy_kind kind;
    unsigned long threads; /* bits */
    long number;           /* percent, or n of every n-th */
};

/* False for a text that is none. */
bool policy_parse(struct policy *policy, const char *text);

/* Whether a client's statement (numbers from 0) is to be executed with assertions. */
bool policy_wants(const struct policy *policy, int client, long statement, bool requested);

#endif
