#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"
#include "sqlite3.h"

enum { MOST_REPLY = 4096 };

enum statement_kind { KIND_GET, KIND_MOVE, KIND_NOTE, KIND_LIST, KIND_SUM, KIND_TOP, KIND_OWNER, KINDS };

/* One client's connection: to the service and to the database. Used by one thread. */
struct session {
    const struct policy *policy;
    int client;
    sqlite3 *db;
    sqlite3_stmt *prepared[KINDS];
    long statements; /* so far */
    bool on;         /* the client switched assertions on for its session */
    bool asserting;  /* what the statement in execution wants */
    long steps, asserted_steps;
    char reply[MOST_REPLY];
    size_t reply_bytes;
};

/* Opens the database for a client: 0, or an error code of SQLite with its message in the reply. */
int session_open(struct session *session, const char *path);
void session_close(struct session *session);

/* Executes one request; the reply is in the session. */
void session_serve(struct session *session, char *line);

/* Adds to the reply; what does not fit is cut off. */
void session_say(struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Puts the calling thread into the variant that the statement wants.
 *
 * Why this is sound: only the functions of sqlite3.c are multivariant. Everything that calls this is common code and calls it with no
 * call of SQLite in progress, so that no return address into the overlay window is on the stack; SQLite calls back nobody here. What SQLite
 * keeps between two calls are structs, alike in both variants, and addresses of functions, which are their entries: the same in both.
 */
void session_choose(struct session *session);

/* One call of sqlite3_step, counted. */
int session_step(struct session *session, sqlite3_stmt *statement);

/* plant.c: wrong state that only an assertion can see, undone at once. Null, or what went wrong. */
const char *plant_page(struct session *session);
const char *plant_value(struct session *session);
/* Before SQLite is used: memory for pages where plant_page finds them. */
int plant_prepare(void);

#endif
