// SPDX-License-Identifier: BSD-2-Clause

// waits_cpp: waits and computes in functions whose names must be demangled: a namespace, a template, a method, a
// lambda.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kitchen::oven
{
volatile long sink;

template <typename Unit, int Steps> [[gnu::noinline]] void bake(Unit unit)
{
    for (int i = 0; i < Steps; i++) {
        std::this_thread::sleep_for(unit); // MARK bake
        sink = sink + 1;
    }
}

struct Dough {
    std::vector<long> grains;

    [[gnu::noinline]] long knead(const std::string &name) const
    {
        auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
        long sum = static_cast<long>(name.size());

        while (std::chrono::steady_clock::now() < end)
            for (int round = 0; round < 50; round++)
                for (long grain : grains) // MARK knead
                    sum += sum * 31 + grain;
        return sum;
    }
};

} // namespace kitchen::oven

int main()
{
    kitchen::oven::Dough dough{std::vector<long>(1000, 7)};

    kitchen::oven::bake<std::chrono::milliseconds, 25>(std::chrono::milliseconds(20));
    kitchen::oven::sink = dough.knead("rye");
    std::puts("{}");
    return 0;
}
