/*
 * A small database service: a thread and a connection to the one database file for each client. Requests and replies are lines.
 *
 *   service PORT DATABASE CLIENTS POLICY [plant]
 *
 * A client begins with "client N" and ends by closing. When all have, the service checks the database, prints
 *   final <integrity> <hash of all rows> <rows>
 * and ends. Requests: those of session.c's table, "assert on|off" for the session, "!" before a request that is to be executed with assertions.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assertion.h"
#include "mark.h"
#include "melf.h"
#include "session.h"

enum { MARK_CALL = 1999, MOST_CLIENTS = 32, ACCOUNTS = 50, BALANCE = 1000, STACK_BYTES = 512 * 1024 };

static const char *database;
static struct policy policy;
static bool marks;

void mark(enum mark what, long a, long b) {
    if (marks) syscall(MARK_CALL, what, a, b);
}

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "service: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void check(int rc, sqlite3 *db, const char *what) {
    if (rc == SQLITE_OK) return;
    fprintf(stderr, "service: %s: %d %s\n", what, rc, sqlite3_errmsg(db));
    exit(1);
}

static void create(int clients) {
    sqlite3 *db;
    check(sqlite3_open(database, &db), db, "open");
    const char *schema = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                         "CREATE TABLE account(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, balance INTEGER NOT NULL);"
                         "CREATE INDEX account_owner ON account(owner);"
                         "CREATE TABLE note(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL);"
                         "CREATE UNIQUE INDEX note_owner ON note(owner, seq);";
    check(sqlite3_exec(db, schema, NULL, NULL, NULL), db, "schema");
    char fill[300];
    snprintf(fill, sizeof fill,
             "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d)"
             " INSERT INTO account SELECT i, i / %d, %d FROM n",
             clients * ACCOUNTS, ACCOUNTS, BALANCE);
    check(sqlite3_exec(db, fill, NULL, NULL, NULL), db, "accounts");
    check(sqlite3_close(db), db, "close");
}

static bool send_all(int socket, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

static bool answer(int socket, struct session *session, char *line) {
    if (session->db != NULL) session_serve(session, line);
    else if (sscanf(line, "client %d", &session->client) == 1) {
        assertion_thread = session->client;
        session->reply_bytes = 0;
        session->asserting = policy_wants(session->policy, session->client, 0, false);
        session_choose(session);
        if (session_open(session, database) == SQLITE_OK) session_say(session, "ok");
    } else return false;
    session_say(session, "\n");
    return send_all(socket, session->reply, session->reply_bytes);
}

static void *serve(void *argument) {
    int socket = (int)(intptr_t)argument;
    struct session session = {.policy = &policy};
    char buffer[1024];
    size_t held = 0;
    for (;;) {
        ssize_t got = recv(socket, buffer + held, sizeof buffer - held, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        held += (size_t)got;
        char *line = buffer, *end;
        bool open = true;
        while (open && (end = memchr(line, '\n', held - (size_t)(line - buffer))) != NULL) {
            *end = '\0';
            open = answer(socket, &session, line);
            line = end + 1;
        }
        held -= (size_t)(line - buffer);
        memmove(buffer, line, held);
        if (!open || held == sizeof buffer) break;
    }
    if (session.db != NULL) session_close(&session);
    close(socket);
    return NULL;
}

static int listen_at(int port) {
    int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (socket_ < 0 || bind(socket_, (struct sockaddr *)&address, sizeof address) != 0 || listen(socket_, MOST_CLIENTS) != 0)
        fail("listen");
    return socket_;
}

static void serve_clients(int listening, int clients) {
    pthread_t threads[MOST_CLIENTS];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int i = 0; i < clients; i++) {
        int socket = accept(listening, NULL, NULL);
        if (socket < 0) fail("accept");
        int yes = 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        errno = pthread_create(&threads[i], &attributes, serve, (void *)(intptr_t)socket);
        if (errno != 0) fail("thread");
    }
    for (int i = 0; i < clients; i++) pthread_join(threads[i], NULL);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_text(uint64_t hash, const unsigned char *text) {
    do hash = (hash ^ *text) * 0x100000001b3u;
    while (*text++ != '\0');
    return hash;
}

/* The whole content, in an order that does not depend on when rows came. */
static void report_content(void) {
    sqlite3 *db;
    check(sqlite3_open(database, &db), db, "open");
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), db, "integrity_check");
    sqlite3_step(statement);
    printf("final %s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    const char *all = "SELECT 'a', id, owner, balance FROM account UNION ALL SELECT 'n', owner, seq, body FROM note ORDER BY 1, 2, 3";
    check(sqlite3_prepare_v2(db, all, -1, &statement, NULL), db, "content");
    uint64_t hash = 0xcbf29ce484222325u;
    long rows = 0;
    for (; sqlite3_step(statement) == SQLITE_ROW; rows++)
        for (int column = 0; column < 4; column++) hash = hash_text(hash, sqlite3_column_text(statement, column));
    check(sqlite3_finalize(statement), db, "content");
    check(sqlite3_close(db), db, "close");
    printf(" %016llx %ld\n", (unsigned long long)hash, rows);
}

int main(int argc, char **argv) {
    if (argc < 5 || !policy_parse(&policy, argv[4])) {
        fprintf(stderr, "service PORT DATABASE CLIENTS never|always|threads:N,..|share:P|every:N|request|middle [plant]\n");
        return 64;
    }
    const int clients = atoi(argv[3]);
    if (clients < 1 || clients > MOST_CLIENTS) return 64;
    database = argv[2];
    marks = getenv("SERVICE_MARKS") != NULL;
    melf_init();
    /* Both views exist from here on, so that no client pays for the making of one. SQLite is initialised by the variant without assertions,
     * unless they are always on: what it leaves must do for both. */
    if (policy.kind != POLICY_NEVER) melf_switch(melf_variant("assert"));
    if (policy.kind != POLICY_ALWAYS) melf_switch(melf_variant("noassert"));
    if (argc > 5 && plant_prepare() != SQLITE_OK) return 70;
    create(clients);
    int listening = listen_at(atoi(argv[1]));
    printf("listening\n");
    fflush(stdout);
    serve_clients(listening, clients);
    report_content();
    return 0;
}
