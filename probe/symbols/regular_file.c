/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/regular_file.h"

#include <fcntl.h>

#include "base/base.h"

int regular_file_open(const char *path, bool follow, bool (*check)(const struct stat *st, const void *argument),
                      const void *argument)
{
    AUTO_CLOSE int handle = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    char reopen[64];
    struct stat st;
    int fd;

    if (handle < 0 || fstat(handle, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (check && !check(&st, argument))
        return -EPERM;
    (void)snprintf(reopen, sizeof(reopen), "/proc/self/fd/%d", handle);
    fd = open(reopen, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}
