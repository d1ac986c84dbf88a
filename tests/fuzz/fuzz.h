/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * fuzz: what the fuzz targets share. Each target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput() (libFuzzer); its
 * seeds and the inputs that once broke something are in corpus/NAME/. See docs/fuzzing.md.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* The input as a regular file, the same one each time; aborts where that can't be made. @return its path */
const char *fuzz_file(const uint8_t *data, size_t size);

/* Two such files at once. @param which  0 or 1 */
const char *fuzz_file_at(unsigned int which, const uint8_t *data, size_t size);

/* A stream that takes everything in and keeps nothing. */
FILE *fuzz_nowhere(void);

/* Takes bytes off the front of an input, as arguments; zeroes once it is empty. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

void fuzz_take(struct fuzz_input *input, void *bytes, size_t size);
uint32_t fuzz_take_u32(struct fuzz_input *input);
uint8_t fuzz_take_u8(struct fuzz_input *input);

/* What is broken must be seen: assert() without NDEBUG's mercy. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : __builtin_trap())
