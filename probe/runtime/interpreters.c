/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/runtime/interpreters.h"

#include <sys/uio.h>

#include "base/base.h"
#include "probe/runtime/detect.h"

static int read_pointer(pid_t pid, uint64_t address, uint64_t *ret_value)
{
    struct iovec local = {ret_value, sizeof(*ret_value)};
    struct iovec remote = {(void *)(uintptr_t)address, sizeof(*ret_value)};
    ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

    return n == sizeof(*ret_value) ? 0 : n < 0 ? -errno : -EFAULT;
}

int interpreters_count(pid_t pid, const struct image *image, uint32_t *ret_count)
{
    uint64_t interpreter = 0;
    uint32_t count = 0;
    int r;

    if (!image->runtime_address || !image->interpreters_head)
        return -ENOENT;
    r = read_pointer(pid, image->runtime_address + image->interpreters_head, &interpreter);
    while (r == 0 && interpreter && count < INTERPRETERS_MAX) {
        count++;
        r = read_pointer(pid, interpreter + image->interpreter_next, &interpreter);
    }
    if (r < 0)
        return r;
    if (!count)
        return -ENOENT;
    *ret_count = count;
    return 0;
}
