#ifndef MARK_H
#define MARK_H

/* Tells the machine where the program is, by a system call that only the scenario's machine has: it notes the thread's counters. */
enum mark {
    MARK_BEGIN,   /* a request begins: client, number of its statement */
    MARK_RUN,     /* its variant is chosen, SQLite comes next: 1 when assertions are wanted */
    MARK_RUN_END, /* SQLite is done: calls of sqlite3_step; of these, calls with assertions wanted */
};

void mark(enum mark what, long a, long b);

#endif
