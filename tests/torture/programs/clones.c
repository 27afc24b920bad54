/* Functions that gcc clones, splits and folds differently at each level. */
#include <stdlib.h>
static int volatile sink;
static int heavy(int kind, int x) {
  if (kind > 40) { for (int i = 0; i < x; i++) sink += i * kind; if (sink == -1) abort(); return sink; }
  switch (kind) { case 0: return x + 1; case 1: return x * 3; case 2: return x - 7; default: return x ^ kind; }
}
struct pair { int a, b; };
static int sum(const struct pair *p, int unused) { return p->a + p->b; }
__attribute__((noinline)) static int same_one(int x) { return x * 17 + 3; }
__attribute__((noinline)) static int same_two(int x) { return x * 17 + 3; }
__attribute__((noinline, cold)) static int rare(int x) { if (x == 12345) abort(); return x; }
int main(void) {
  struct pair p = { 3, 4 };
  int (*volatile one)(int) = same_one, (*volatile two)(int) = same_two;
  if (one == two) abort();
  if (one(2) != 37 || two(2) != 37) abort();
  if (heavy(0, 1) != 2 || heavy(1, 2) != 6 || heavy(2, 10) != 3 || heavy(7, 8) != 15) abort();
  if (heavy(50, 3) != 150) abort();
  if (sum(&p, 0) != 7 || rare(4) != 4) abort();
  return 0;
}
