/*
 * A ledger whose power may fail at any moment. Opens the database, says what it finds, and goes on adding entries, one transaction each, for ever.
 *
 *   ledger DATABASE JOURNAL_MODE SYNCHRONOUS
 *
 *   recovered <integrity> <last> <entries> <booked>     at the start
 *   committed <id>                                       after each COMMIT
 *
 * Each transaction adds an entry, counts it in one of 20 accounts and throws away the entry 100 before it: so `booked`, the sum of the accounts, is
 * `last` in every sound state. Transactions are executed with and without SQLite's assertions in turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "melf.h"
#include "sqlite3.h"

enum { ACCOUNTS = 20, KEPT = 100 };

static sqlite3 *db;

static void check(int rc, const char *what) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW) return;
    printf("damaged %s: %s\n", what, sqlite3_errmsg(db));
    exit(3);
}

static void run(const char *sql) { check(sqlite3_exec(db, sql, NULL, NULL, NULL), sql); }

static void text_of(const char *sql, char *into, size_t room) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), sql);
    check(sqlite3_step(statement), sql);
    const unsigned char *text = sqlite3_column_text(statement, 0);
    snprintf(into, room, "%s", text == NULL ? "0" : (const char *)text);
    check(sqlite3_finalize(statement), sql);
}

static long number_of(const char *sql) {
    char text[40];
    text_of(sql, text, sizeof text);
    return atol(text);
}

static void create(void) {
    char sql[200];
    run("BEGIN IMMEDIATE");
    run("CREATE TABLE IF NOT EXISTS entry(id INTEGER PRIMARY KEY, account INTEGER NOT NULL, note TEXT NOT NULL)");
    run("CREATE INDEX IF NOT EXISTS entry_account ON entry(account, note)");
    run("CREATE TABLE IF NOT EXISTS account(id INTEGER PRIMARY KEY, entries INTEGER NOT NULL)");
    for (int id = 0; id < ACCOUNTS; id++) {
        snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO account VALUES (%d, 0)", id);
        run(sql);
    }
    run("COMMIT");
}

static void book(long id) {
    char sql[200];
    run("BEGIN IMMEDIATE");
    snprintf(sql, sizeof sql, "INSERT INTO entry VALUES (%ld, %ld, hex(zeroblob(%ld)))", id, id % ACCOUNTS, 40 + id * 37 % 400);
    run(sql);
    snprintf(sql, sizeof sql, "UPDATE account SET entries = entries + 1 WHERE id = %ld", id % ACCOUNTS);
    run(sql);
    snprintf(sql, sizeof sql, "DELETE FROM entry WHERE id <= %ld", id - KEPT);
    run(sql);
    run("COMMIT");
}

int main(int argc, char **argv) {
    if (argc != 4) return 64;
    setvbuf(stdout, NULL, _IONBF, 0);
    const int noassert = melf_variant("noassert"), assert_ = melf_variant("assert");
    melf_switch(noassert);
    check(sqlite3_open(argv[1], &db), "open");
    char sql[100], integrity[200];
    snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s; PRAGMA synchronous = %s", argv[2], argv[3]);
    run(sql);
    text_of("PRAGMA integrity_check", integrity, sizeof integrity);
    create();
    long last = number_of("SELECT max(id) FROM entry");
    printf("recovered %s %ld %ld %ld\n", integrity, last, number_of("SELECT count(*) FROM entry"),
           number_of("SELECT sum(entries) FROM account"));
    for (;;) {
        last++;
        melf_switch(last % 2 == 0 ? noassert : assert_);
        book(last);
        printf("committed %ld\n", last);
    }
}
