/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks below namespaces, a template, a virtual function and a lambda. Its lines are found by the marks "at: ...". */
#include <ctime>
#include <functional>
#include <string>
#include <unistd.h>

volatile int deep_result;

namespace market
{
template <typename T> struct Stall {
    T value;
    [[gnu::noinline]] void sell()
    {
        const struct timespec hour = {3600, 0};

        (void)nanosleep(&hour, nullptr); /* at: sell */
        deep_result = deep_result + 1;
    }
};

struct Visitor {
    virtual ~Visitor() = default;
    virtual void visit(const std::string &name) = 0;
};

namespace
{
struct Customer : Visitor {
    [[gnu::noinline]] void visit(const std::string &name) override
    {
        Stall<unsigned long> stall{name.size()};

        stall.sell(); /* at: visit */
        deep_result = deep_result + 1;
    }
};
} // namespace

[[gnu::noinline]] static void call(const std::function<void(int)> &function)
{
    function(7); /* at: call */
    deep_result = deep_result + 1;
}
} // namespace market

int main()
{
    market::Customer customer;
    market::Visitor *visitor = &customer;

    if (write(1, "!", 1) != 1)
        return 2;
    market::call([&](int number) { /* at: main */
        visitor->visit(std::to_string(number)); /* at: lambda */
        deep_result = deep_result + 1;
    });
    return 0;
}
