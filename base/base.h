/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * base: cleanup attributes and the few macros that have no better home.
 *
 * Knows the compiler and libc. Refuses to know anything about concurrency, BPF or reports.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Run `func(&variable)` when the variable leaves its scope. */
#define CLEANUP(func) __attribute__((cleanup(func)))

/* Hand a pointer to a new owner: yields the value, leaves NULL behind so that no cleanup frees it. */
#define TAKE_PTR(ptr)                     \
    ({                                    \
        __typeof__(ptr) *taken_ = &(ptr); \
        __typeof__(ptr) value_ = *taken_; \
        *taken_ = NULL;                   \
        value_;                           \
    })

/* The same for a file descriptor: leaves -1 behind. */
#define TAKE_FD(fd)           \
    ({                        \
        int *taken_ = &(fd);  \
        int value_ = *taken_; \
        *taken_ = -1;         \
        value_;               \
    })

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF_LIKE(format, first) __attribute__((__format__(__printf__, format, first)))

/* The size of a table: the fuzzer, which makes one for each input and should see it full, takes small ones. */
#ifdef SMALL_TABLES
#define TABLE_SIZE(usual, small) (small)
#else
#define TABLE_SIZE(usual, small) (usual)
#endif

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

static inline void base_free_ptr(void *ptr)
{
    free(*(void **)ptr);
}

static inline void base_close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void base_close_file(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

/* Scope-bound owners: `AUTO_FREE char *s = NULL;` */
#define AUTO_FREE CLEANUP(base_free_ptr)
#define AUTO_CLOSE CLEANUP(base_close_fd)
#define AUTO_FCLOSE CLEANUP(base_close_file)

/* A double as a number: nothing below 0, at most INT64_MAX. (Out of range, a cast is undefined.) */
static inline uint64_t base_to_u64(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value > 0 ? (uint64_t)value : 0;
}

static inline bool base_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* What follows the last slash of a path; all of it where nothing follows. */
static inline const char *base_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/*
 * Grow a heap array to hold at least `want` elements of `size` bytes (doubling).
 *
 * @param array     address of the array pointer; NULL array is allowed
 * @param capacity  address of the current capacity in elements; updated on success
 * @return 0, or -ENOMEM with array and capacity untouched
 */
static inline int base_grow(void *array, size_t *capacity, size_t want, size_t size)
{
    void **slot = array;
    size_t next = *capacity ? *capacity : 16;
    void *grown;

    if (want <= *capacity)
        return 0;
    while (next < want) {
        if (next > SIZE_MAX / 2 / size)
            return -ENOMEM;
        next *= 2;
    }
    grown = realloc(*slot, next * size);
    if (!grown)
        return -ENOMEM;
    *slot = grown;
    *capacity = next;
    return 0;
}
