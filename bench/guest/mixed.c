/* The guest program of `npm run bench`: integer, memory, call-heavy and floating-point work in about equal parts, deterministic, no input.
 * Prints a checksum per part, so that a wrong emulator is seen and nothing can be left out by the compiler. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* Table-driven CRC-32 over a buffer: loads, shifts, a tight loop. */
static uint32_t crc_part(int rounds) {
  static uint32_t table[256];
  static unsigned char data[1 << 16];
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)next_random();
  uint32_t crc = ~0u;
  for (int r = 0; r < rounds; r++)
    for (size_t i = 0; i < sizeof data; i++) crc = table[(crc ^ data[i]) & 0xff] ^ (crc >> 8);
  return ~crc;
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* The C library's qsort with a comparison function: indirect calls, returns, branches that cannot be predicted. */
static uint32_t sort_part(int rounds) {
  enum { count = 50000 };
  static uint32_t values[count];
  uint32_t sum = 0;
  for (int r = 0; r < rounds; r++) {
    for (int i = 0; i < count; i++) values[i] = (uint32_t)next_random();
    qsort(values, count, sizeof values[0], compare);
    for (int i = 0; i < count; i += 997) sum = sum * 31 + values[i];
  }
  return sum;
}

struct entry {
  struct entry *next;
  uint64_t key, value;
};

/* A chained hash table with malloc and free: pointers, a working set of a few MiB. */
static uint64_t hash_part(int rounds) {
  enum { buckets = 1 << 14 };
  static struct entry *table[buckets];
  uint64_t sum = 0;
  for (int r = 0; r < rounds; r++) {
    uint64_t key = next_random() & 0x1ffff;
    struct entry **slot = &table[(key * 0x9e3779b97f4a7c15u) >> 50];
    struct entry *found = *slot;
    while (found != NULL && found->key != key) found = found->next;
    if (found == NULL) {
      found = malloc(sizeof *found);
      if (found == NULL) abort();
      *found = (struct entry){*slot, key, 0};
      *slot = found;
    } else if ((key & 7) == 0) {
      while (*slot != found) slot = &(*slot)->next;
      *slot = found->next;
      free(found);
      continue;
    }
    sum += ++found->value;
  }
  return sum;
}

/* Matrix product and a little n-body problem: floating point, regular memory. */
static double float_part(int rounds) {
  enum { size = 96, bodies = 8 };
  static double a[size][size], b[size][size], c[size][size];
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      a[i][j] = (double)(next_random() & 1023) / 1024;
      b[i][j] = (double)(next_random() & 1023) / 1024;
    }
  double trace = 0;
  for (int r = 0; r < rounds; r++) {
    for (int i = 0; i < size; i++)
      for (int j = 0; j < size; j++) {
        double sum = 0;
        for (int k = 0; k < size; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    for (int i = 0; i < size; i++) {
      trace += c[i][i];
      a[i][r % size] = c[i][i] / size;
    }
  }
  double x[bodies], v[bodies];
  for (int i = 0; i < bodies; i++) x[i] = i, v[i] = 0;
  for (int step = 0; step < rounds * 500; step++) {
    for (int i = 0; i < bodies; i++)
      for (int j = 0; j < bodies; j++) {
        double d = x[j] - x[i];
        v[i] += 0.0001 * d / sqrt(d * d * d * d + 0.01);
      }
    for (int i = 0; i < bodies; i++) x[i] += 0.001 * v[i];
  }
  for (int i = 0; i < bodies; i++) trace += x[i];
  return trace;
}

/* Formatting and copying text, as servers do: the C library's own code. */
static uint32_t text_part(int rounds) {
  char line[256], copy[256];
  uint32_t sum = 0;
  for (int r = 0; r < rounds; r++) {
    int length = snprintf(line, sizeof line, "VALUE key:%08d %u %d %s\r\n", r, (unsigned)next_random() & 0xffff, r % 77, "x");
    memcpy(copy, line, (size_t)length + 1);
    char *end = strchr(copy, '\r');
    sum = sum * 131 + (uint32_t)strtol(copy + 10, NULL, 10) + (uint32_t)(end - copy) + (uint32_t)strlen(copy);
  }
  return sum;
}

int main(int argc, char **argv) {
  int scale = argc > 1 ? atoi(argv[1]) : 10;
  printf("crc %08x\n", crc_part(40 * scale));
  printf("sort %08x\n", sort_part(2 * scale));
  printf("hash %llu\n", (unsigned long long)hash_part(250000 * scale));
  printf("float %.9f\n", float_part(scale * 3));
  printf("text %08x\n", text_part(15000 * scale));
  return 0;
}
