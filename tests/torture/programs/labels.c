/* Label addresses, also in a static table: each level has its own. */
#include <stdlib.h>
static int run(const unsigned char *code) {
  static const void *const jump[] = { &&halt, &&push, &&add, &&mul };
  static int runs;
  int stack[8], top = 0;
  runs++;
  goto *jump[*code++];
push: stack[top++] = *code++; goto *jump[*code++];
add: top--; stack[top - 1] += stack[top]; goto *jump[*code++];
mul: top--; stack[top - 1] *= stack[top]; goto *jump[*code++];
halt: return stack[0] * 10 + runs;
}
int main(void) {
  static const unsigned char program[] = { 1, 2, 1, 3, 2, 1, 4, 3, 0 };
  if (run(program) != 201 || run(program) != 202) abort();
  return 0;
}
