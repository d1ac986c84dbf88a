/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/words.h"

#include <stdarg.h>

const char *words_share(double share, char buffer[static WORDS_NUMBER])
{
    double percent = share * 100.0;

    (void)snprintf(buffer, WORDS_NUMBER, percent > 0.0 && percent < 9.95 ? "%.1f %%" : "%.0f %%", percent);
    return buffer;
}

const char *words_ns(double ns, char buffer[static WORDS_NUMBER])
{
    static const struct {
        double from;
        double divisor;
        const char *unit;
    } scales[] = {{1e9, 1e9, "s"}, {1e6, 1e6, "ms"}, {1e3, 1e3, "us"}, {0, 1, "ns"}};
    size_t i = 0;
    double value;

    while (i + 1 < ARRAY_SIZE(scales) && ns < scales[i].from)
        i++;
    value = ns / scales[i].divisor;
    (void)snprintf(buffer, WORDS_NUMBER, value < 9.995 ? "%.2g %s" : "%.0f %s", value, scales[i].unit);
    if (i == 0 && value >= 9.995 && value < 100)
        (void)snprintf(buffer, WORDS_NUMBER, "%.1f %s", value, scales[i].unit);
    return buffer;
}

const char *words_value(double value, const char *unit, char buffer[static WORDS_NUMBER])
{
    if (strcmp(unit, "share") == 0)
        return words_share(value, buffer);
    if (strcmp(unit, "ns") == 0)
        return words_ns(value, buffer);
    if (strcmp(unit, "bool") == 0)
        return strcpy(buffer, value != 0.0 ? "yes" : "no");
    (void)snprintf(buffer, WORDS_NUMBER, strcmp(unit, "count") == 0 || value >= 9.95 ? "%.0f" : "%.2g", value);
    return buffer;
}

char *words_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

int words_append(char ***list, size_t *n, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    char **grown;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        return -ENOMEM;
    grown = realloc(*list, (*n + 1) * sizeof(**list));
    if (!grown) {
        free(text);
        return -ENOMEM;
    }
    grown[(*n)++] = text;
    *list = grown;
    return 0;
}
