/* Whether libmelf's patterns match: arguments are a pattern and a name, again and again. */
#include <stdio.h>

#include "../guest/libmelf/melf-glob.h"

int main(int count, char **arguments) {
    for (int i = 1; i + 1 < count; i += 2) putchar(glob_matches(arguments[i], arguments[i + 1]) ? '1' : '0');
    return 0;
}
