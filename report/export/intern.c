/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/export/intern.h"

#include <search.h>

#include "base/base.h"

struct intern_row {
    char *text;
    uint64_t number;
};

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct intern_row *)a)->text, ((const struct intern_row *)b)->text);
}

static void free_row(void *row)
{
    free(((struct intern_row *)row)->text);
    free(row);
}

int intern_number(struct intern *intern, const char *text, uint64_t *ret_number)
{
    struct intern_row key = {.text = (char *)text}, *row;
    struct intern_row *const *found = tfind(&key, &intern->tree, compare_rows);

    if (found) {
        *ret_number = (*found)->number;
        return 0;
    }
    if (base_grow((void **)&intern->texts, &intern->capacity, intern->n + 1, sizeof(*intern->texts)) < 0)
        return -ENOMEM;
    row = calloc(1, sizeof(*row));
    if (row)
        row->text = strdup(text);
    if (!row || !row->text || !tsearch(row, &intern->tree, compare_rows)) {
        if (row)
            free_row(row);
        return -ENOMEM;
    }
    row->number = intern->n;
    intern->texts[intern->n++] = row->text;
    *ret_number = row->number;
    return 0;
}

void intern_clear(struct intern *intern)
{
    tdestroy(intern->tree, free_row);
    free(intern->texts);
    *intern = (struct intern){0};
}
