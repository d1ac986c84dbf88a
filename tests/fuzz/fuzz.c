/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"

/* In memory: a million files on a disk would be its end. */
static char paths[2][64];
static int fds[2] = {-1, -1};

static void remove_files(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (fds[i] >= 0)
            (void)unlink(paths[i]);
}

const char *fuzz_file_at(unsigned int which, const uint8_t *data, size_t size)
{
    if (fds[which] < 0) {
        if (fds[!which] < 0)
            (void)atexit(remove_files);
        (void)snprintf(paths[which], sizeof(paths[which]), "/dev/shm/concadvise-fuzz-XXXXXX");
        fds[which] = mkostemp(paths[which], O_CLOEXEC);
    }
    FUZZ_CHECK(fds[which] >= 0 && ftruncate(fds[which], 0) == 0 && pwrite(fds[which], data, size, 0) == (ssize_t)size);
    return paths[which];
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    return fuzz_file_at(0, data, size);
}

static ssize_t swallow(void *cookie, const char *bytes, size_t n)
{
    (void)cookie;
    (void)bytes;
    return (ssize_t)n;
}

FILE *fuzz_nowhere(void)
{
    static FILE *out;

    if (!out)
        out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = swallow});
    FUZZ_CHECK(out);
    return out;
}

void fuzz_take(struct fuzz_input *input, void *bytes, size_t size)
{
    size_t n = size < input->size ? size : input->size;

    memset(bytes, 0, size);
    if (n > 0)
        memcpy(bytes, input->data, n);
    input->data += n;
    input->size -= n;
}

uint32_t fuzz_take_u32(struct fuzz_input *input)
{
    uint32_t value;

    fuzz_take(input, &value, sizeof(value));
    return value;
}

uint8_t fuzz_take_u8(struct fuzz_input *input)
{
    uint8_t value;

    fuzz_take(input, &value, sizeof(value));
    return value;
}
