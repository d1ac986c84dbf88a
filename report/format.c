/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "base/base.h"

static const struct {
    const char *name;
    double ns;
} duration_units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1.0}};

static PRINTF_LIKE(1, 2) struct format_text format_print(const char *format, ...)
{
    struct format_text out;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out.text, sizeof(out.text), format, args);
    va_end(args);
    return out;
}

/* Largest unit in which the value is at least 1 after rounding to three digits: 999.6 ms is "1.00 s". */
static size_t duration_unit(double ns)
{
    for (size_t i = 0; i < ARRAY_SIZE(duration_units) - 1; i++)
        if (ns >= duration_units[i].ns * 0.9995)
            return i;
    return ARRAY_SIZE(duration_units) - 1;
}

/* Digits after the point that give three significant ones. */
static int three_digits(double value)
{
    if (value < 9.995)
        return 2;
    return value < 99.95 ? 1 : 0;
}

struct format_text format_duration(uint64_t ns)
{
    double value = (double)ns;
    size_t unit = duration_unit(value);

    if (ns == 0)
        return format_print("0 s");
    if (value >= 119.5e9) {
        uint64_t seconds = (uint64_t)llround(value / 1e9);

        if (seconds >= 7200)
            return format_print("%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds % 3600 / 60);
        return format_print("%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    }
    value /= duration_units[unit].ns;
    if (duration_units[unit].ns == 1.0)
        return format_print("%.0f ns", value);
    return format_print("%.*f %s", three_digits(value), value, duration_units[unit].name);
}

struct format_text format_duration_fine(uint64_t ns)
{
    size_t unit = duration_unit((double)ns);

    if (ns == 0)
        return format_print("0 s");
    if (duration_units[unit].ns == 1.0)
        return format_print("%" PRIu64 " ns", ns);
    return format_print("%.2f %s", (double)ns / duration_units[unit].ns, duration_units[unit].name);
}

struct format_text format_duration_range(const uint64_t interval_ns[2])
{
    size_t unit = duration_unit((double)interval_ns[1]);

    return format_print("%.2f - %.2f %s", (double)interval_ns[0] / duration_units[unit].ns,
                        (double)interval_ns[1] / duration_units[unit].ns, duration_units[unit].name);
}

struct format_text format_share(double share)
{
    double percent = share * 100.0;

    if (!isfinite(percent) || percent <= 0.0)
        return format_print("0 %%");
    if (percent < 0.5)
        return format_print("<1 %%");
    /* "100 %" is a claim that nothing else happened: keep it for that. */
    if (percent >= 99.5 && percent < 100.0)
        return format_print("99 %%");
    return format_print("%.0f %%", percent);
}

struct format_text format_share_of(uint64_t part, uint64_t whole)
{
    return format_share(whole ? (double)part / (double)whole : 0.0);
}

struct format_text format_share_fine(double share)
{
    return format_print("%.1f %%", isfinite(share) ? share * 100.0 : 0.0);
}

struct format_text format_bytes(uint64_t bytes)
{
    static const char suffixes[] = {'K', 'M', 'G', 'T', 'P', 'E'};
    double value = (double)bytes / 1024.0;
    size_t i = 0;

    if (bytes < 1024)
        return format_print("%" PRIu64 " B", bytes);
    while (value >= 1023.5 && i + 1 < ARRAY_SIZE(suffixes)) {
        value /= 1024.0;
        i++;
    }
    return format_print("%.*f %c", value < 9.95 && i > 0 ? 1 : 0, value, suffixes[i]);
}

struct format_text format_speedup(double speedup)
{
    return format_print("%.2fx", isfinite(speedup) ? speedup : 0.0);
}

struct format_text format_speedup_short(double speedup)
{
    speedup = isfinite(speedup) ? speedup : 0.0;
    return format_print("%.*fx", speedup < 9.95 ? 1 : 0, speedup);
}

struct format_text format_speedup_range(const double interval[2])
{
    double low = isfinite(interval[0]) ? interval[0] : 0.0;
    double high = isfinite(interval[1]) ? interval[1] : 0.0;

    return format_print("%.*f-%.*fx", low < 9.95 ? 1 : 0, low, high < 9.95 ? 1 : 0, high);
}

struct format_text format_number(double value)
{
    struct format_text out;
    char *end;

    if (!isfinite(value))
        return format_print("?");
    if (fabs(value) >= 1e15)
        return format_print("%.3g", value);
    out = format_print("%.2f", value);
    end = out.text + strlen(out.text);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        *--end = '\0';
    return strcmp(out.text, "-0") == 0 ? format_print("0") : out;
}

struct format_text format_cores(double cores)
{
    cores = isfinite(cores) ? cores : 0.0;
    return format_print("%.*f", cores < 9.995 ? 2 : 1, cores);
}

struct format_text format_count(uint64_t count)
{
    struct format_text digits = format_print("%" PRIu64, count);
    struct format_text out;
    size_t n = strlen(digits.text);
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out.text[at++] = ',';
        out.text[at++] = digits.text[i];
    }
    out.text[at] = '\0';
    return out;
}

static uint64_t to_u64(double value)
{
    if (!(value > 0.0))
        return 0;
    return value >= 9e18 ? (uint64_t)9e18 : (uint64_t)llround(value);
}

struct format_text format_metric(double value, const char *unit)
{
    if (strcmp(unit, "share") == 0)
        return format_share(value);
    if (strcmp(unit, "ns") == 0)
        return format_duration(to_u64(value));
    if (strcmp(unit, "bytes") == 0)
        return format_bytes(to_u64(value));
    if (strcmp(unit, "bool") == 0)
        return format_print(value != 0.0 ? "yes" : "no");
    return format_number(value);
}
