/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * intern: numbers for texts, the same for the same text, from 0 on in the order they first came.
 */

#include <stddef.h>
#include <stdint.h>

struct intern {
    void *tree;         /* tsearch(3) of struct intern_row */
    const char **texts; /* by number; owned */
    size_t n;
    size_t capacity;
};

/* @return 0 (ret_number) or -ENOMEM. A text may hold anything but NUL. */
int intern_number(struct intern *intern, const char *text, uint64_t *ret_number);

void intern_clear(struct intern *intern);
