// Common code: throws through multivariant frames are caught here, switches happen here.
#include "work.h"
#include <cstdio>
#include <cstring>
#include <melf.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::string round_of() {
    int open = 0;
    std::string told = catch_here(&open) + ", ";
    try {
        throw_out(&open);
    } catch (const Own &own) {
        told += "out " + own.who + ", ";
    }
    try {
        std::rethrow_exception(keep());
    } catch (const std::out_of_range &e) {
        told += std::string("kept ") + e.what();
    }
    return told + ", " + std::to_string(open) + " open, " + std::to_string(deeper()) + " deeper";
}

int main(int count, char **words) {
    const char *how = count > 1 ? words[1] : "stay";
    if (std::strcmp(how, "stay") == 0) {
        std::puts(round_of().c_str());
    } else if (std::strcmp(how, "threads") != 0) {
        // An emulator's own threads count as ours where there are no views; there the process is switched.
        auto go = std::strcmp(how, "switch") == 0 ? melf_switch : melf_switch_all;
        for (int call = 0; call < 6; call++) {
            if (go(call % melf_variant_count()) < 0) std::perror("melf_switch");
            std::puts(round_of().c_str());
        }
    } else {
        // Each thread in a variant of its own, all throwing at once.
        std::vector<std::string> told(6);
        std::vector<std::thread> threads;
        for (int t = 0; t < 6; t++) {
            threads.emplace_back([t, &told] {
                if (melf_switch(t % melf_variant_count()) < 0) std::perror("melf_switch");
                for (int i = 0; i < 3; i++) told[t] = round_of();
            });
        }
        for (auto &thread : threads) thread.join();
        for (const auto &line : told) std::puts(line.c_str());
    }
    return 0;
}
