/* SPDX-License-Identifier: BSD-2-Clause */

/* What this build can do, and with which libraries it does it here: for `concadvise -V`. */

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/helper_process.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"
#include "probe/probe.h"
#include "probe/runtime/cpython.h"
#include "probe/symbols/symbols.h"

/* What the names of a runtime's frames need; NULL: none of its own code is named. CPython's are its versions. */
static const char *frames_need(enum runtime_kind kind, char *text, size_t size)
{
    int first = -1, last = -1;

    switch (kind) {
    case RUNTIME_NATIVE:
    case RUNTIME_GO:
        return "";
    case RUNTIME_NODE:
    case RUNTIME_JVM:
        return " (perf map)";
    case RUNTIME_CPYTHON:
        for (int minor = 0; minor < 100; minor++) {
            if (!cpython_offsets_for(minor))
                continue;
            first = first < 0 ? minor : first;
            last = minor;
        }
        (void)snprintf(text, size, " 3.%d-3.%d", first, last);
        return text;
    case RUNTIME_PYPY:
    case RUNTIME_RUBY:
    case RUNTIME_COUNT:
        break;
    }
    return NULL;
}

void probe_stacks(char *ret_text, size_t size)
{
    size_t used = 0;

    ret_text[0] = '\0';
    for (int kind = 0; kind < RUNTIME_COUNT && used < size; kind++) {
        char versions[32];
        const char *need = frames_need((enum runtime_kind)kind, versions, sizeof(versions));

        if (need)
            used += (size_t)snprintf(ret_text + used, size - used, "%s%s%s", used > 0 ? ", " : "",
                                     runtime_name((enum runtime_kind)kind), need);
    }
}

/* Its first line, up to what is no printable ASCII. */
static void read_line(int fd, char *ret_line, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while (used + 1 < size && (n = read(fd, ret_line + used, size - 1 - used)) != 0) {
        if (n > 0)
            used += (size_t)n;
        else if (errno != EINTR)
            break;
    }
    ret_line[used] = '\0';
    for (char *end = ret_line; *end; end++)
        if (!isprint((unsigned char)*end))
            *end = '\0';
}

/* libbpf is linked to the helper alone: it is asked. @return 0 or -errno */
static int libbpf_version(const char *helper_path, char *ret_version, size_t size)
{
    char path[PATH_MAX], option[] = "--libbpf", *argv[] = {path, option, NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    int pipe[2], r = helper_process_find(helper_path, path, sizeof(path));
    pid_t pid;

    if (r < 0)
        return r;
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return -errno;
    r = posix_spawn_file_actions_init(&actions);
    if (r == 0) {
        r = posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
        r = r ? r : posix_spawn(&pid, path, &actions, NULL, argv, environment);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(pipe[1]);
    if (r == 0) {
        read_line(pipe[0], ret_version, size);
        (void)waitpid(pid, NULL, 0);
    }
    (void)close(pipe[0]);
    return -r;
}

size_t probe_libraries(const char *helper_path, struct probe_library *ret_libraries, size_t max)
{
    struct probe_library libraries[3] = {{.name = "libbpf"}, {.name = "elfutils"}, {.name = "jansson"}};
    size_t n = max < ARRAY_SIZE(libraries) ? max : ARRAY_SIZE(libraries);

    (void)libbpf_version(helper_path, libraries[0].version, sizeof(libraries[0].version));
    (void)snprintf(libraries[1].version, sizeof(libraries[1].version), "%s", symbols_elfutils_version());
    (void)snprintf(libraries[2].version, sizeof(libraries[2].version), "%s", measurement_jansson_version());
    memcpy(ret_libraries, libraries, n * sizeof(*libraries));
    return n;
}
