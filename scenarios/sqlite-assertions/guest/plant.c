/*
 * Two faults of a program that SQLite cannot see without its assertions. Both are undone within the statement, so that all answers stay right.
 *
 * plant_page: a stray write into a page of the database in SQLite's page cache, under a cursor that stands on it: the length of the
 * record is wrong. The cursor remembers the length, so nothing comes of it; with assertions SQLite reads the cell again and compares.
 * SQLite must be told that its databases are not damaged (SQLITE_TESTCTRL_NEVER_CORRUPT): otherwise such an assertion allows for it.
 *
 * plant_value: an unprotected value (of sqlite3_column_value) is used where a protected one must be: without the connection's mutex,
 * which is a race in a program with threads (https://www.sqlite.org/c3ref/value.html).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "session.h"

enum { PAGE_BYTES = 4096, PAGES = 2048, HEADER_BYTES = 512, SLOT_BYTES = PAGE_BYTES + HEADER_BYTES };
static unsigned char page_cache[PAGES * SLOT_BYTES] __attribute__((aligned(16)));

/* A row that fills a page of its own. Its cell: length (2 bytes), rowid (1), the record's header: its size, types of id and data (1, 1, 2). */
enum { DATA_BYTES = 3000, LENGTH_BEFORE_DATA = 6 };

int plant_prepare(void) {
    int header;
    int rc = sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &header);
    if (rc != SQLITE_OK || header > HEADER_BYTES) return SQLITE_ERROR;
    rc = sqlite3_config(SQLITE_CONFIG_PAGECACHE, page_cache, SLOT_BYTES, PAGES);
    if (rc == SQLITE_OK) rc = sqlite3_initialize();
    return rc == SQLITE_OK ? sqlite3_test_control(SQLITE_TESTCTRL_NEVER_CORRUPT, 1) : rc;
}

/* A table that only this session uses, with one row that begins with `data`. */
static int make_row(struct session *session, const char *table, const unsigned char *data) {
    char sql[200];
    snprintf(sql, sizeof sql, "CREATE TABLE %s(id INTEGER PRIMARY KEY, data BLOB)", table);
    int rc = sqlite3_exec(session->db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK) return rc;
    snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (1, ?1)", table);
    sqlite3_stmt *insert;
    rc = sqlite3_prepare_v2(session->db, sql, -1, &insert, NULL);
    if (rc != SQLITE_OK) return rc;
    sqlite3_bind_blob(insert, 1, data, DATA_BYTES, SQLITE_STATIC);
    session_step(session, insert);
    return sqlite3_finalize(insert);
}

/* Damages the record's length in every copy of the page, or mends it: the same change. */
static int change_length(const unsigned char *data, size_t bytes) {
    int copies = 0;
    unsigned char *at = page_cache, *end = page_cache + sizeof page_cache;
    while ((at = memmem(at, (size_t)(end - at), data, bytes)) != NULL) {
        at[-LENGTH_BEFORE_DATA] ^= 1;
        at += bytes;
        copies++;
    }
    return copies;
}

const char *plant_page(struct session *session) {
    unsigned char data[DATA_BYTES], found[64];
    memset(data, 'a' + session->client, sizeof data);
    snprintf((char *)data, 32, "the row of client %d ", session->client);
    char table[32];
    snprintf(table, sizeof table, "planted_%d", session->client);
    if (make_row(session, table, data) != SQLITE_OK) return "make the row";
    sqlite3_blob *blob;
    if (sqlite3_blob_open(session->db, "main", table, "data", 1, 0, &blob) != SQLITE_OK) return "open the row";
    const char *problem = NULL;
    if (sqlite3_blob_read(blob, found, sizeof found, 0) != SQLITE_OK) problem = "read before";
    if (change_length(data, DATA_BYTES) == 0) problem = "find the page";
    if (sqlite3_blob_read(blob, found, sizeof found, 0) != SQLITE_OK) problem = "read the damaged page";
    change_length(data, DATA_BYTES);
    if (memcmp(found, data, sizeof found) != 0) problem = "read other bytes";
    if (sqlite3_blob_close(blob) != SQLITE_OK) problem = "close the row";
    return problem;
}

const char *plant_value(struct session *session) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(session->db, "SELECT 'text ' || 12", -1, &statement, NULL) != SQLITE_OK) return "prepare";
    const char *problem = NULL;
    if (session_step(session, statement) != SQLITE_ROW) problem = "step";
    const unsigned char *text = sqlite3_value_text(sqlite3_column_value(statement, 0));
    if (text == NULL || strcmp((const char *)text, "text 12") != 0) problem = "another text";
    if (sqlite3_finalize(statement) != SQLITE_OK) problem = "finalize";
    return problem;
}
