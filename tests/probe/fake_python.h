/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * fake_python: code objects of CPython 3.11's layout in this process' own memory, so that stacks are named as in any
 * other process.
 */

#include <stdint.h>
#include <string.h>

#include "probe/runtime/detect.h"

/* A compact ASCII str (Include/cpython/unicodeobject.h). */
struct text {
    uint64_t head[2];
    uint64_t length;
    uint64_t hash;
    uint32_t state, pad;
    uint64_t wstr;
    char data[64];
};

union code {
    uint8_t bytes[256];
    uint64_t words[32];
    uint32_t halves[64];
};

/* Of a 3.11 whose frames can be walked. */
static inline struct image fake_image(void)
{
    return (struct image){
        .runtime.kind = RUNTIME_CPYTHON,
        .has_offsets = true,
        .offsets = *cpython_offsets_for(11),
    };
}

static inline void write_text(struct text *text, const char *data)
{
    *text = (struct text){.length = strlen(data), .state = 1 << 2 | 1 << 5 | 1 << 6};
    strcpy(text->data, data);
}

static inline void write_code(union code *code, const struct text *name, const struct text *file, uint32_t line,
                              uint32_t flags)
{
    const struct cpython_offsets *at = cpython_offsets_for(11);
    static uint64_t no_table[8];

    *code = (union code){{0}};
    code->words[at->code_filename / 8] = (uintptr_t)file;
    code->words[at->code_name / 8] = code->words[at->code_qualname / 8] = (uintptr_t)name;
    code->words[at->code_table / 8] = (uintptr_t)no_table;
    code->halves[at->code_firstlineno / 4] = line;
    code->halves[at->code_flags / 4] = flags;
}
