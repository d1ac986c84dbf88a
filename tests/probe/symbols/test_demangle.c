/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/symbols/demangle.h"

static const struct {
    const char *mangled, *readable;
} names[] = {
    /* C stays C. */
    {"main", "main"},
    {"", ""},
    {"_", "_"},
    {"_Zed", "_Zed"},
    {"?", "?"},
    /* C++: without parameters, with template arguments. */
    {"_ZN6market5StallImE4sellEv", "market::Stall<unsigned long>::sell"},
    {"_ZN6market12_GLOBAL__N_18Customer5visitERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
     "market::(anonymous namespace)::Customer::visit"},
    {"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back"},
    {"_ZN3fooC1Ev", "foo::foo"},
    {"_ZN3fooD0Ev", "foo::~foo"},
    {"_ZNK3foocvbEv", "foo::operator bool"},
    {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()"},
    {"_ZThn16_N3foo3barEv", "non-virtual thunk to foo::bar()"},
    /* Rust, legacy (the hash goes) and v0. */
    {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
    {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
     "<Test + 'static as foo::Bar<Test>>::bar"},
    {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
    {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
    {"_RNvC7mycrateu8gdel_5qa", "mycrate::g\xc3\xb6"
                                "del"},
    /* What compilers and linkers append. */
    {"parse.cold", "parse"},
    {"parse.part.0", "parse"},
    {"parse.constprop.0.isra.1", "parse"},
    {"parse.part.0.cold", "parse"},
    {"parse.llvm.1234567890", "parse"},
    {"read@@GLIBC_2.2.5", "read"},
    {"_ZN3foo3barEv.part.3", "foo::bar"},
    {"parse.partial", "parse.partial"},
    {"a.b", "a.b"},
    {".cold", ".cold"},
    {"@", "@"},
};

static void names_read_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        AUTO_FREE char *readable = demangle(names[i].mangled);

        assert_non_null(readable);
        assert_string_equal(readable, names[i].readable);
    }
}

/* A number as both manglings write it: nothing for 0, else one less, in digits of a base. */
static const char *sequence_number(char *buffer, unsigned number, unsigned base)
{
    /* C++ goes on with capitals, Rust with small letters and then capitals. */
    static const char *const digits[] = {"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                         "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"};
    char *at = buffer + 15;

    *at = '\0';
    if (number == 0)
        return at;
    number--;
    do {
        *--at = digits[base == 62][number % base];
        number /= base;
    } while (number > 0);
    return at;
}

static void expect_cut(const char *bomb)
{
    AUTO_FREE char *cut = demangle(bomb);

    assert_non_null(cut);
    assert_int_equal(strlen(cut), DEMANGLE_OUTPUT_MAX);
    assert_string_equal(cut + DEMANGLE_OUTPUT_MAX - 3, "...");
    assert_true(strncmp(cut, bomb, 2) != 0);
}

/* Each pair is made of twice the one before: 2^60 characters, if they were all written. */
static void a_name_that_expands_without_end_is_cut(void **state)
{
    char cpp[DEMANGLE_INPUT_MAX] = "_Z1fI1aSt4pairIS0_S0_E", rust[DEMANGLE_INPUT_MAX] = "_RINvC1a1f", number[16];
    size_t before;

    (void)state;
    for (unsigned i = 2; i < 32; i++) {
        const char *id = sequence_number(number, i, 36);

        (void)snprintf(cpp + strlen(cpp), 32, "S1_IS%s_S%s_E", id, id);
    }
    strcat(cpp, "Evv");
    expect_cut(cpp);
    before = strlen(rust) - 2;
    strcat(rust, "TaaE");
    for (unsigned i = 0; i < 40; i++) {
        const char *id = sequence_number(number, (unsigned)before, 62);

        before = strlen(rust) - 2;
        (void)snprintf(rust + strlen(rust), 32, "TB%s_B%s_E", id, id);
    }
    strcat(rust, "E");
    expect_cut(rust);
}

static void long_and_deep_names_are_bounded(void **state)
{
    enum { SIZE = 1 << 20 };
    AUTO_FREE char *name = malloc(SIZE + 1);
    static const char *const fillers[] = {"a", "_Z", "P", "N1a", "_R", "I", "T", "X"};

    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(fillers); k++) {
        for (size_t size = 500; size <= SIZE; size = size * 2 + 1) {
            AUTO_FREE char *readable = NULL;
            size_t used = 4;

            memcpy(name, k % 2 ? "_Z1f" : "_RNv", 4);
            while (used + strlen(fillers[k]) < size) {
                memcpy(name + used, fillers[k], strlen(fillers[k]));
                used += strlen(fillers[k]);
            }
            name[used] = '\0';
            readable = demangle(name);
            assert_non_null(readable);
            assert_in_range(strlen(readable), 1, DEMANGLE_OUTPUT_MAX);
        }
    }
}

/* Any bytes: an answer, and no crash. */
static void random_names_do_no_harm(void **state)
{
    static const char alphabet[] = "_ZRNSIEJKLPFvijb0123456789XTuUlsrDpCcBtdaZ.@$";

    (void)state;
    srandom(3);
    for (int round = 0; round < 200000; round++) {
        char name[64] = "_ZN";
        AUTO_FREE char *readable = NULL;
        size_t length = 3 + (size_t)random() % (sizeof(name) - 4);

        name[1] = round % 2 ? 'Z' : 'R';
        for (size_t i = 2; i < length; i++)
            name[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
        readable = demangle(name);
        assert_non_null(readable);
        assert_in_range(strlen(readable), 0, DEMANGLE_OUTPUT_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_read_well),
        cmocka_unit_test(a_name_that_expands_without_end_is_cut),
        cmocka_unit_test(long_and_deep_names_are_bounded),
        cmocka_unit_test(random_names_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
