/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/measurement_schema.h"

static size_t field_size(const struct field *field)
{
    switch (field->type) {
    case FIELD_U64:
    case FIELD_DOUBLE:
        return 8;
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_TEXT:
        return field->size;
    case FIELD_CAUSES:
        return CAUSE_COUNT * sizeof(uint64_t);
    case FIELD_U32:
    case FIELD_I32:
    case FIELD_ENUM:
        return 4;
    default:
        return sizeof(void *);
    }
}

static void mark_struct(const struct field *fields, unsigned char *covered, size_t size, size_t base)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        if (field->type == FIELD_STRUCT) {
            mark_struct(field->fields, covered, size, base + field->offset);
            continue;
        }
        assert_true(base + field->offset + field_size(field) <= size);
        memset(covered + base + field->offset, 1, field_size(field));
        if (field->max_count)
            memset(covered + base + field->count_offset, 1, sizeof(size_t));
    }
}

/* What no field covers may only be padding: up to a member that must be aligned, and shorter than its alignment. */
static void assert_covers(const struct field *fields, size_t size)
{
    AUTO_FREE unsigned char *covered = calloc(1, size + 1);

    assert_non_null(covered);
    mark_struct(fields, covered, size, 0);
    covered[size] = 1;
    for (size_t at = 0; at < size; at++) {
        size_t end = at;

        while (!covered[end])
            end++;
        if (end == at)
            continue;
        if (!(end % 8 == 0 && end - at < 8) && !(end % 4 == 0 && end - at < 4))
            fail_msg("a struct of %zu bytes: nothing saves bytes %zu to %zu", size, at, end);
        at = end;
    }
    for (const struct field *field = fields; field->type != FIELD_END; field++)
        if (field->type == FIELD_STRUCTS)
            assert_covers(field->fields, field->size);
}

static void every_field_of_the_contract_is_saved(void **state)
{
    (void)state;
    assert_covers(measurement_schema, sizeof(struct measurement));
}

static void enums_are_spelled_both_ways(void **state)
{
    size_t spelled = 0;

    (void)state;
    for (const struct field *field = measurement_schema; field->type != FIELD_END; field++) {
        for (const struct field *inner = field->fields; inner && inner->type != FIELD_END; inner++) {
            if (inner->type != FIELD_ENUM)
                continue;
            for (int value = -1; inner->ids->to_str(value) || value == -1; value++) {
                int back = 99;

                if (!inner->ids->to_str(value))
                    continue;
                assert_int_equal(inner->ids->from_str(inner->ids->to_str(value), &back), 0);
                assert_int_equal(back, value);
                spelled++;
            }
            assert_null(inner->ids->to_str(1000));
            assert_int_equal(inner->ids->from_str("nonsense", &(int){0}), -EINVAL);
        }
    }
    assert_true(spelled >= CAUSE_COUNT + MODEL_COUNT + 1 + RUNTIME_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_the_contract_is_saved),
        cmocka_unit_test(enums_are_spelled_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
