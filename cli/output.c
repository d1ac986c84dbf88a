/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/output.h"

#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/parse.h"

/* The folder of `path`, as a heap string. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int output_check(const char *path)
{
    AUTO_FREE char *folder = folder_of(path);
    struct stat st;

    if (!folder)
        return -ENOMEM;
    if (!*path)
        return -ENOENT;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return -EISDIR;
        if (!S_ISREG(st.st_mode))
            return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ? 0 : -errno;
    }
    if (stat(folder, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

void output_let_writes_fail(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

int output_put_fd(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Devices and pipes are written in place: a rename would replace them. */
static int put_in_place(const char *path, const char *bytes, size_t n)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    return fd < 0 ? -errno : output_put_fd(fd, bytes, n);
}

/* The permissions the file had, else those of any new file. */
static mode_t wanted_mode(const struct stat *before)
{
    mode_t mask;

    if (before)
        return before->st_mode & 07777;
    mask = umask(0);
    (void)umask(mask);
    return 0666 & ~mask;
}

static int fill_temporary(int fd, const struct stat *before, const char *bytes, size_t n)
{
    int r = output_put_fd(fd, bytes, n);

    if (r < 0)
        return r;
    if (fchmod(fd, wanted_mode(before)) < 0)
        return -errno;
    return fsync(fd) < 0 ? -errno : 0;
}

static int put_by_rename(const char *path, const struct stat *before, const char *bytes, size_t n)
{
    AUTO_FREE char *temporary = NULL;
    AUTO_FREE char *folder = folder_of(path);
    AUTO_CLOSE int fd = -1;
    int r;

    if (!folder || asprintf(&temporary, "%s/.concadvise-XXXXXX", folder) < 0) {
        temporary = NULL;
        return -ENOMEM;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = fill_temporary(fd, before, bytes, n);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(temporary);
    return r;
}

int output_put_file(const char *path, const char *bytes, size_t n)
{
    /* Through a symbolic link the file it names is replaced, not the link. */
    AUTO_FREE char *real = realpath(path, NULL);
    struct stat st;

    if (!real || stat(real, &st) < 0)
        return put_by_rename(path, NULL, bytes, n);
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return put_in_place(real, bytes, n);
    return put_by_rename(real, &st, bytes, n);
}

bool output_terminal_is_ready(int fd)
{
    struct pollfd terminal = {.fd = fd, .events = POLLOUT};
    pid_t group = tcgetpgrp(fd); /* -1: not our controlling terminal: nobody else's turn either */

    return (group <= 0 || group == getpgrp()) && poll(&terminal, 1, 0) > 0 && terminal.revents & POLLOUT;
}

unsigned output_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size = {0};
    uint64_t value = 0;

    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    if (columns && parse_u64(columns, 1, UINT_MAX, &value) == 0)
        return (unsigned)value;
    return 80;
}

bool output_color(int fd, enum color_choice choice)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (choice != COLOR_AUTO)
        return choice == COLOR_ALWAYS;
    /* no-color.org: set and not empty, whatever its value */
    return fd >= 0 && isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

bool output_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
