/*
 * validate.c as it has to look when the code decides for itself whom to count: a check in every function, and the client handed
 * down to every function, whether it has business with clients or not.
 */
#include "validate.h"

#define FUNCTION __attribute__((noinline))

void melf_profile_arc(uintptr_t call_site, uintptr_t function);
/* As gprof counts: who called whom. */
#define COUNT(c, function)                                                                                             \
    if ((c)->prof) melf_profile_arc((uintptr_t)__builtin_return_address(0), (uintptr_t)(function) + 1)

FUNCTION const char *number(client_t *c, const char *at, uint32_t *value) {
    COUNT(c, number);
    uint32_t sum = 0;
    for (; *at >= '0' && *at <= '9'; at++) sum = sum * 10 + (uint32_t)(*at - '0');
    *value = sum;
    return at;
}

FUNCTION const char *param(client_t *c, const char *at, validation_t *res) {
    COUNT(c, param);
    uint32_t hash = 0, value;
    for (; *at >= 'a' && *at <= 'z'; at++) hash = hash * 31 + (uint32_t)*at;
    if (*at != '=') {
        res->refused = REFUSED_SYNTAX;
        return at;
    }
    at = number(c, at + 1, &value);
    res->params++;
    res->sum += hash ^ value;
    return at;
}

FUNCTION void parse_params(client_t *c, query_t *q, validation_t *res) {
    COUNT(c, parse_params);
    const char *at = number(c, q->text, &res->table);
    if (*at == '?') do {
            at = param(c, at + 1, res);
        } while (*at == '&' && res->refused == 0 && res->params < MOST_PARAMS);
    if (*at != '\0') res->refused = REFUSED_SYNTAX;
}

FUNCTION int may_read(client_t *c, uint32_t table) {
    COUNT(c, may_read);
    return (c->rights >> table & 1) != 0;
}

FUNCTION void check_access(client_t *c, query_t *q, validation_t *res) {
    COUNT(c, check_access);
    (void)q;
    if (res->refused != 0) return;
    if (res->table >= TABLES)
        res->refused = REFUSED_TABLE;
    else if (!may_read(c, res->table))
        res->refused = REFUSED_RIGHTS;
}

FUNCTION validation_t validate_query(client_t *c, query_t *q) {
    COUNT(c, validate_query);
    validation_t res = {0};
    parse_params(c, q, &res);
    check_access(c, q, &res);
    return res;
}
