/* Prints what calls return, so that a native run and an emulated one can be compared line by line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOW(call)                                                                                                     \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long result_ = (long)(call);                                                                           \
		printf("%d %s = %ld%s%s\n", __LINE__, #call, result_, result_ < 0 ? " " : "",                          \
		       result_ < 0 ? strerror(errno) : "");                                                            \
	} while (0)
