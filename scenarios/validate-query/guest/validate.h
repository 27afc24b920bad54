#ifndef VALIDATE_H
#define VALIDATE_H

#include <stdint.h>

/* Who asks. `prof` is only looked at by the build that decides in the code whether it counts. */
typedef struct client {
    uint32_t rights; /* a bit for each table */
    int prof;
} client_t;

/* "12?name=5&size=77": a table's number and what is asked of it. */
typedef struct query {
    const char *text;
} query_t;

typedef struct validation {
    uint32_t params, sum, table;
    uint32_t refused; /* why, 0: it is not */
} validation_t;

enum { REFUSED_SYNTAX = 1, REFUSED_TABLE = 2, REFUSED_RIGHTS = 3 };
enum { TABLES = 32, MOST_PARAMS = 8 };

validation_t validate_query(client_t *c, query_t *q);

#endif
