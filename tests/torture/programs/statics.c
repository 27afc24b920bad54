/* Statics of one name in several functions, initialised, zero, thread-local, and constructors. */
#include <stdlib.h>
static int order;
__attribute__((constructor(300))) static void first(void) { order = order * 10 + 1; }
__attribute__((constructor(400))) static void second(void) { order = order * 10 + 2; }
static int a(void) { static int count; return ++count; }
static int b(void) { static int count = 10; return ++count; }
static int c(void) { static long count[3] = { 5, 6, 7 }; return ++count[1]; }
static int d(void) { static __thread int count = 20; return ++count; }
static int e(void) { static __thread int count; return ++count; }
const char *text(int i) { static const char *const names[] = { "zero", "one", "two" }; return names[i]; }
int main(void) {
  for (int i = 1; i < 4; i++)
    if (a() != i || b() != 10 + i || c() != 6 + i || d() != 20 + i || e() != i) abort();
  if (order != 12 || text(2)[1] != 'w') abort();
  return 0;
}
