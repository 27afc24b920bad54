#include "session.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "melf.h"

static const struct {
    const char *word;
    const char *sql;
    bool writes;
} kinds[KINDS] = {
    [KIND_GET] = {"get", "SELECT balance FROM account WHERE id = ?1", false},
    [KIND_MOVE] = {"move",
                   "UPDATE account SET balance = balance + CASE id WHEN ?1 THEN -?3 ELSE ?3 END WHERE id IN (?1, ?2)", true},
    [KIND_NOTE] = {"note", "INSERT INTO note(owner, seq, body) VALUES (?1, ?2, ?3)", true},
    [KIND_LIST] = {"list", "SELECT seq, body FROM note WHERE owner = ?1 ORDER BY seq DESC LIMIT 8", false},
    [KIND_SUM] = {"sum", "SELECT count(*), sum(balance) FROM account", false},
    [KIND_TOP] = {"top", "SELECT id, balance FROM account WHERE owner = ?1 ORDER BY balance DESC, id LIMIT 5", false},
    [KIND_OWNER] = {"owner",
                    "SELECT count(*), sum(a.balance), (SELECT count(*) FROM note n WHERE n.owner = ?1) FROM account a WHERE a.owner = ?1",
                    false},
};

/* SQLite has one writer at a time. Writers queue here: its own way is to sleep and try again. */
static pthread_mutex_t writer = PTHREAD_MUTEX_INITIALIZER;

void session_say(struct session *session, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = MOST_REPLY - session->reply_bytes;
    int length = vsnprintf(session->reply + session->reply_bytes, room, format, arguments);
    va_end(arguments);
    if (length > 0) session->reply_bytes += (size_t)length < room ? (size_t)length : room - 1;
}

void session_choose(struct session *session) {
    static int variants[2] = {-1, -1};
    if (variants[0] < 0) {
        variants[1] = melf_variant("assert");
        variants[0] = melf_variant("noassert");
    }
    if (melf_switch(variants[session->asserting]) < 0) {
        perror("melf_switch");
        abort();
    }
}

int session_step(struct session *session, sqlite3_stmt *statement) {
    session->steps++;
    session->asserted_steps += session->asserting;
    return sqlite3_step(statement);
}

/* Under the policy "middle" each call of SQLite is in another variant than the one before it. */
static void alternate(struct session *session) {
    if (session->policy->kind != POLICY_MIDDLE) return;
    session->asserting = !session->asserting;
    session_choose(session);
}

int session_open(struct session *session, const char *path) {
    int rc = sqlite3_open(path, &session->db);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(session->db, 5000);
    for (int kind = 0; kind < KINDS && rc == SQLITE_OK; kind++)
        rc = sqlite3_prepare_v3(session->db, kinds[kind].sql, -1, SQLITE_PREPARE_PERSISTENT, &session->prepared[kind], NULL);
    if (rc != SQLITE_OK) session_say(session, "error %d %s", rc, sqlite3_errmsg(session->db));
    return rc;
}

void session_close(struct session *session) {
    for (int kind = 0; kind < KINDS; kind++) sqlite3_finalize(session->prepared[kind]);
    sqlite3_close(session->db);
}

/* Words after the first become parameters: numbers as numbers, others as text. */
static int bind_words(sqlite3_stmt *statement, char **rest) {
    int rc = SQLITE_OK;
    char *word;
    for (int index = 1; rc == SQLITE_OK && (word = strtok_r(NULL, " ", rest)) != NULL; index++) {
        char *end;
        long long number = strtoll(word, &end, 10);
        rc = *end == '\0' ? sqlite3_bind_int64(statement, index, number) : sqlite3_bind_text(statement, index, word, -1, SQLITE_TRANSIENT);
    }
    return rc;
}

static void say_row(struct session *session, sqlite3_stmt *statement) {
    for (int column = 0; column < sqlite3_column_count(statement); column++)
        session_say(session, "%s%s", column == 0 ? "|" : " ", (const char *)sqlite3_column_text(statement, column));
}

static void execute(struct session *session, enum statement_kind kind, char **rest) {
    sqlite3_stmt *statement = session->prepared[kind];
    int rc = bind_words(statement, rest);
    if (kinds[kind].writes) pthread_mutex_lock(&writer);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        alternate(session);
        rc = session_step(session, statement);
        alternate(session);
        if (rc == SQLITE_ROW) say_row(session, statement);
    }
    alternate(session);
    sqlite3_reset(statement);
    if (kinds[kind].writes) pthread_mutex_unlock(&writer);
    if (rc != SQLITE_DONE) session_say(session, " error %d %s", rc, sqlite3_errmsg(session->db));
}

static void plant(struct session *session, char **rest) {
    const char *what = strtok_r(NULL, " ", rest);
    bool page = what != NULL && strcmp(what, "page") == 0;
    pthread_mutex_lock(&writer);
    const char *problem = page ? plant_page(session) : plant_value(session);
    pthread_mutex_unlock(&writer);
    if (problem != NULL) session_say(session, " error %s: %s", problem, sqlite3_errmsg(session->db));
}

static int kind_of(const char *word) {
    for (int kind = 0; kind < KINDS; kind++)
        if (strcmp(word, kinds[kind].word) == 0) return kind;
    return -1;
}

void session_serve(struct session *session, char *line) {
    bool requested = *line == '!';
    char *rest, *word = strtok_r(line + requested, " ", &rest);
    session->reply_bytes = 0;
    session_say(session, "ok");
    if (word != NULL && strcmp(word, "assert") == 0) {
        const char *wish = strtok_r(NULL, " ", &rest);
        session->on = wish != NULL && strcmp(wish, "on") == 0;
        return;
    }
    int kind = word == NULL ? -1 : kind_of(word);
    bool plants = word != NULL && strcmp(word, "plant") == 0;
    if (kind < 0 && !plants) {
        session_say(session, " error no such request");
        return;
    }
    mark(MARK_BEGIN, session->client, session->statements);
    session->steps = session->asserted_steps = 0;
    session->asserting = session->on || policy_wants(session->policy, session->client, session->statements, requested);
    session_choose(session);
    mark(MARK_RUN, session->asserting, 0);
    if (plants) plant(session, &rest);
    else execute(session, (enum statement_kind)kind, &rest);
    mark(MARK_RUN_END, session->steps, session->asserted_steps);
    session->statements++;
}
