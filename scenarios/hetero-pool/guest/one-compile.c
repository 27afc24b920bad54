/* The kernels of an executable that has one body of each, be it in one variant or in several. */
#include <stddef.h>

#include "kernels.h"

#define DECLARE(name) kernel_function KERNEL(name);
#define ENTRY(name) {#name, KERNEL(name)},

EACH_KERNEL(DECLARE)

const struct kernel kernels[] = {EACH_KERNEL(ENTRY){NULL, NULL}};
