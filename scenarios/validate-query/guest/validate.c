/* The program of the paper's first slides. It knows nothing of profiling: whether calls are counted is decided when it is compiled. */
#include "validate.h"

/* Calls stay calls, in every build: they are what is counted. */
#define FUNCTION __attribute__((noinline))

FUNCTION const char *number(const char *at, uint32_t *value) {
    uint32_t sum = 0;
    for (; *at >= '0' && *at <= '9'; at++) sum = sum * 10 + (uint32_t)(*at - '0');
    *value = sum;
    return at;
}

FUNCTION const char *param(const char *at, validation_t *res) {
    uint32_t hash = 0, value;
    for (; *at >= 'a' && *at <= 'z'; at++) hash = hash * 31 + (uint32_t)*at;
    if (*at != '=') {
        res->refused = REFUSED_SYNTAX;
        return at;
    }
    at = number(at + 1, &value);
    res->params++;
    res->sum += hash ^ value;
    return at;
}

FUNCTION void parse_params(query_t *q, validation_t *res) {
    const char *at = number(q->text, &res->table);
    if (*at == '?') do {
            at = param(at + 1, res);
        } while (*at == '&' && res->refused == 0 && res->params < MOST_PARAMS);
    if (*at != '\0') res->refused = REFUSED_SYNTAX;
}

FUNCTION int may_read(client_t *c, uint32_t table) { return (c->rights >> table & 1) != 0; }

FUNCTION void check_access(client_t *c, query_t *q, validation_t *res) {
    (void)q;
    if (res->refused != 0) return;
    if (res->table >= TABLES)
        res->refused = REFUSED_TABLE;
    else if (!may_read(c, res->table))
        res->refused = REFUSED_RIGHTS;
}

FUNCTION validation_t validate_query(client_t *c, query_t *q) {
    validation_t res = {0};
    parse_params(q, &res);
    check_access(c, q, &res);
    return res;
}
