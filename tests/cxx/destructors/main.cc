#include "shapes.h"
#include <cstdio>
#include <melf.h>

int told;
int work();
Root *common_leaf();
extern int (*table[])(int);

int main() {
    int (*const kept[])(int) = {table[0], table[1], table[2], table[3]};
    for (int call = 0; call < 2 * melf_variant_count(); call++) {
        // Natively, the process as a whole; an emulator's own threads count as ours there.
        if (melf_switch_all(call % melf_variant_count()) < 0) std::perror("melf_switch_all");
        std::printf("%d", work());
        for (int i = 0; i < 4; i++) std::printf(" %d%s", table[i](2), table[i] == kept[i] ? "" : "!");
        told = 0;
        delete common_leaf();
        std::printf(" %d\n", told);
    }
    return 0;
}
