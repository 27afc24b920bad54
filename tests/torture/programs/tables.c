/* Jump tables, tables of functions, floating-point constants and string comparisons. */
#include <stdlib.h>
#include <string.h>
static int zero(int x) { return x; }
static int one(int x) { return x + 100; }
static int two(int x) { return x * 100; }
static int (*const calls[])(int) = { zero, one, two };
const char *name(int x) {
  switch (x) { case 0: return "none"; case 1: return "single"; case 2: return "pair"; case 3: return "triple"; case 4: return "few"; case 5: return "many"; default: return "?"; }
}
double scale(int x) {
  switch (x) { case 1: return 1.5; case 2: return 2.25; case 3: return 1e100; case 4: return -0.125; case 5: return 3e-5; default: return 0; }
}
static int weigh(int kind, int x) {
  switch (kind) { case 10: return x - 1; case 11: return calls[1](x); case 12: return calls[2](x); case 13: return x << 2; case 14: return x % 3; case 15: return -x; default: return 0; }
}
int main(void) {
  int sum = 0;
  for (volatile int k = 10; k < 17; k++) sum += weigh(k, 7);
  if (sum != 6 + 107 + 700 + 28 + 1 - 7) abort();
  if (strcmp(name(3), "triple") || strcmp(name(9), "?")) abort();
  if (scale(2) * 4 != 9 || scale(3) < 1e99 || scale(4) != -0.125) abort();
  return 0;
}
