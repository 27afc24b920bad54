#include <exception>
#include <string>

struct Own {
    std::string who;
    explicit Own(const char *w) : who(w) {}
    virtual ~Own() = default;
};

std::string catch_here(int *open);
void throw_out(int *open);
std::exception_ptr keep();
int deeper();
