// Compiled once for each variant. NAME is the variant's, ROOM differs, so that frames, cleanups and landing pads lie elsewhere in each.
#include "work.h"
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <unwind.h>

struct Depth {
    int *open;
    explicit Depth(int *o) : open(o) { ++*open; }
    ~Depth() { --*open; }
};

template <class Thrown> __attribute__((noinline)) long descend(int n, int *open) {
    Depth here(open);
    auto held = std::make_unique<std::string>("a text that needs memory of its own, level " + std::to_string(n));
    volatile char room[ROOM];
    room[n] = static_cast<char>(n);
    if (n == 0) throw Thrown(NAME);
    return descend<Thrown>(n - 1, open) + room[n] + static_cast<long>(held->size());
}

static _Unwind_Reason_Code count_frame(_Unwind_Context *context, void *count) {
    if (_Unwind_GetIP(context) == 0) return _URC_END_OF_STACK;
    ++*static_cast<int *>(count);
    return _URC_NO_REASON;
}

__attribute__((noinline)) static int frames_below(int n) {
    volatile char room[ROOM];
    room[0] = 0;
    int count = 0;
    if (n == 0) _Unwind_Backtrace(count_frame, &count);
    else count = frames_below(n - 1);
    return count + room[0];
}

int deeper() { return frames_below(9) - frames_below(2); }

std::string catch_here(int *open) {
    std::string told;
    try {
        descend<std::runtime_error>(3, open);
    } catch (const std::logic_error &) {
        told += "wrong handler ";
    } catch (const std::exception &e) {
        told += e.what();
    }
    try {
        try {
            descend<std::domain_error>(2, open);
        } catch (const std::logic_error &) {
            Depth cleaned(open);
            throw;
        }
    } catch (const std::domain_error &e) {
        told += std::string(" again ") + e.what();
    }
    return told;
}

void throw_out(int *open) { descend<Own>(4, open); }

std::exception_ptr keep() {
    int open = 0;
    try {
        descend<std::out_of_range>(1, &open);
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}
