/* For the variants of a test program: bodies that differ in size and in what lies where. */
#ifndef UNEQUAL_BODIES_H
#define UNEQUAL_BODIES_H

#if VARIANT_CODE == 1
#define MORE(x)                                                                                                        \
    for (volatile int i = 0; i < 3; i++) x = x * 3 + i;
#else
#define MORE(x)
#endif

int middle(int x, int (*common)(int)) {
    int before = x + VARIANT_CODE;
    MORE(before)
    int got = common(before); /* the switch happens in there */
    return got * 2 + VARIANT_CODE;
}

#endif
