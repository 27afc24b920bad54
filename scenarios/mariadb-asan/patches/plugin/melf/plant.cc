/*
  Mistakes on request, each in a function of its own for the report's stack. Whoever does not look sees nothing of them, with most
  allocators: the bytes past the end still belong to the block, since sizes are rounded up, and of a freed block those are touched that hold
  no list pointers. Only the double free is noticed by allocators that look for it.
*/
#include "plant.h"
#include <stdlib.h>
#include <string.h>

#define OWN __attribute__((noinline, noclone, used))

/* 33 of the 40 bytes that malloc gives: the last ones can be touched without harm. */
static const size_t size= 33;

/* The compiler knows malloc: it must neither see that the access is wrong nor that nobody uses the block. */
static char *unknown(char *block)
{
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

extern "C" OWN char *melf_plant_allocate() { return unknown(static_cast<char *>(malloc(size))); }
extern "C" OWN void melf_plant_free(char *block) { free(unknown(block)); }

extern "C" OWN int melf_plant_overflow_read()
{
  char *block= melf_plant_allocate();
  memset(block, 1, size);
  int found= unknown(block)[size];
  melf_plant_free(block);
  return found;
}

extern "C" OWN int melf_plant_overflow_write()
{
  char *block= melf_plant_allocate();
  unknown(block)[size]= 1;
  melf_plant_free(block);
  return 1;
}

extern "C" OWN int melf_plant_underflow_read()
{
  char *block= melf_plant_allocate();
  int found= unknown(block)[-1];
  melf_plant_free(block);
  return found;
}

extern "C" OWN int melf_plant_memcpy_overflow()
{
  char *block= melf_plant_allocate();
  char copy[64];
  size_t length= size + 1;
  __asm__ volatile("" : "+r"(length));
  memcpy(copy, unknown(block), length);
  unknown(copy);
  melf_plant_free(block);
  return copy[0];
}

extern "C" OWN int melf_plant_use_after_free()
{
  char *block= melf_plant_allocate();
  melf_plant_free(block);
  return unknown(block)[24];
}

extern "C" OWN int melf_plant_write_after_free()
{
  char *block= melf_plant_allocate();
  melf_plant_free(block);
  unknown(block)[24]= 1;
  return 1;
}

extern "C" OWN int melf_plant_double_free()
{
  char *block= melf_plant_allocate();
  melf_plant_free(block);
  melf_plant_free(block);
  return 1;
}

extern "C" OWN int melf_plant_nothing()
{
  char *block= melf_plant_allocate();
  memset(block, 1, size);
  int last= unknown(block)[size - 1];
  melf_plant_free(block);
  return last;
}

static const struct
{
  const char *name;
  int (*mistake)();
} kinds[]= {
  {"overflow-read", melf_plant_overflow_read},
  {"overflow-write", melf_plant_overflow_write},
  {"underflow-read", melf_plant_underflow_read},
  {"memcpy-overflow", melf_plant_memcpy_overflow},
  {"use-after-free", melf_plant_use_after_free},
  {"write-after-free", melf_plant_write_after_free},
  {"double-free", melf_plant_double_free},
  {"none", melf_plant_nothing},
};

const char *plant(const char *kind)
{
  for (const auto &one : kinds)
  {
    if (strcmp(one.name, kind))
      continue;
    /* What was read differs between runs and is not told. */
    int found= one.mistake();
    __asm__ volatile("" : : "r"(found));
    return one.name;
  }
  return nullptr;
}
