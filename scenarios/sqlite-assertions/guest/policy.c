#include "policy.h"

#include <stdlib.h>
#include <string.h>

static bool number_after(const char *text, const char *word, long *number) {
    size_t length = strlen(word);
    if (strncmp(text, word, length) != 0) return false;
    char *end;
    *number = strtol(text + length, &end, 10);
    return end != text + length && *end == '\0';
}

static bool parse_threads(const char *list, unsigned long *bits) {
    for (*bits = 0; *list != '\0';) {
        char *end;
        long thread = strtol(list, &end, 10);
        if (end == list || thread < 0 || thread > 31) return false;
        *bits |= 1ul << thread;
        list = *end == ',' ? end + 1 : end;
    }
    return *bits != 0;
}

bool policy_parse(struct policy *policy, const char *text) {
    static const struct {
        const char *word;
        enum policy_kind kind;
    } words[] = {{"never", POLICY_NEVER}, {"always", POLICY_ALWAYS}, {"request", POLICY_REQUEST}, {"middle", POLICY_MIDDLE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i].word) == 0) {
            policy->kind = words[i].kind;
            return true;
        }
    if (strncmp(text, "threads:", 8) == 0) {
        policy->kind = POLICY_THREADS;
        return parse_threads(text + 8, &policy->threads);
    }
    if (number_after(text, "share:", &policy->number)) {
        policy->kind = POLICY_SHARE;
        return policy->number >= 0 && policy->number <= 100;
    }
    policy->kind = POLICY_EVERY;
    return number_after(text, "every:", &policy->number) && policy->number > 0;
}

bool policy_wants(const struct policy *policy, int client, long statement, bool requested) {
    switch (policy->kind) {
    case POLICY_ALWAYS: return true;
    case POLICY_THREADS: return (policy->threads >> client & 1) != 0;
    case POLICY_REQUEST: return requested;
    case POLICY_EVERY: return statement % policy->number == policy->number - 1;
    case POLICY_SHARE: {
        /* Evenly spread: the statement at which the count of those with assertions, rounded down, grows. Clients are apart by a
         * number without a common factor with 100. */
        long place = statement + client * 37;
        return (place + 1) * policy->number / 100 > place * policy->number / 100;
    }
    default: return false;
    }
}
