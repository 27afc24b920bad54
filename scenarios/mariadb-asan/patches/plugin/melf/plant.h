#ifndef PLANT_INCLUDED
#define PLANT_INCLUDED

/*
  Makes a mistake with the heap, of the kind that SELECT MELF_PLANT('kind') names; see plant.cc for the kinds. Returns a word, or NULL when
  there is no such kind.
*/
const char *plant(const char *kind);

#endif
