// The smallest program around SQLite, for rows that time its link.
#include <stdio.h>

int sqlite3_open(const char *name, void **db);
int sqlite3_exec(void *db, const char *sql, int (*row)(void *, int, char **, char **), void *context, char **error);

// SQLite compiled with assertions calls it.
void melf_assertion_failed(void) {}

static int print(void *context, int count, char **values, char **names) {
  (void)context, (void)names;
  for (int i = 0; i < count; i++) printf("%s\n", values[i]);
  return 0;
}

int main(void) {
  void *db;
  if (sqlite3_open(":memory:", &db) != 0) return 1;
  return sqlite3_exec(db, "create table t(x); insert into t values(20), (22); select sum(x) from t;", print, 0, 0);
}
