/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/parse.h"

#include <ctype.h>
#include <math.h>

#include "base/base.h"

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    unsigned long long value;
    char *end = NULL;

    if (!text || !isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno == ERANGE || value < min || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int parse_duration_ns(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {
        {"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1.0}, {"m", 60e9}, {"h", 3600e9},
    };
    static const double max_ns = 365.0 * 86400.0 * 1e9;
    const char *number;
    char *end = NULL;
    double value;

    if (!text || !isdigit((unsigned char)text[0]))
        return -EINVAL;
    /* strtod also takes hexadecimal and "inf"; a duration is plain decimal. */
    number = text + strspn(text, "0123456789.");
    value = strtod(text, &end);
    if (end != number)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        value *= units[i].factor;
        if (!isfinite(value) || value < 1.0 || value > max_ns)
            return -ERANGE;
        *ret_ns = (uint64_t)value;
        return 0;
    }
    return -EINVAL;
}
