/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/helper_process.h"

#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/helper_starter.h"
#include "probe/wire.h"

#define HELPER_NAME "concadvise-probe"

int helper_process_find(const char *path, char *ret_path, size_t size)
{
    static const char *const beside[] = {"", "/../probe", "/../libexec/concadvise"};
    char self[PATH_MAX];
    ssize_t length;
    const char *folder;

    if (path) {
        (void)snprintf(ret_path, size, "%s", path);
        return access(ret_path, X_OK) < 0 ? -errno : 0;
    }
    length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length > 0) {
        self[length] = '\0';
        folder = dirname(self);
        for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
            (void)snprintf(ret_path, size, "%s%s/" HELPER_NAME, folder, beside[i]);
            if (access(ret_path, X_OK) == 0)
                return 0;
        }
    }
    (void)snprintf(ret_path, size, "%s/" HELPER_NAME, CONCADVISE_LIBEXECDIR);
    return access(ret_path, X_OK) < 0 ? -errno : 0;
}

/* @return 0, or -errno with the helper's own words in message */
static int wait_until_ready(int socket, int *ret_sampling, char *message, size_t size)
{
    AUTO_FREE void *payload = NULL;
    struct wire_header header;
    size_t capacity = 0;
    int r = wire_receive(socket, &header, &payload, &capacity);

    if (r <= 0) {
        (void)snprintf(message, size, "the helper " HELPER_NAME " ended before it was ready");
        return r < 0 ? r : -ECHILD;
    }
    if (header.type == WIRE_READY && header.size == sizeof(struct wire_ready)) {
        *ret_sampling = (int)((const struct wire_ready *)payload)->sampling;
        return 0;
    }
    (void)snprintf(message, size, "%s", header.type == WIRE_FAILED ? (const char *)payload : "unexpected message");
    return header.type == WIRE_FAILED ? -EPERM : -EPROTO;
}

static pid_t start(const char *path, int socket, const struct helper_request *request)
{
    pid_t pid;

    if (helper_starter_is_there())
        return helper_starter_ask(socket, request);
    pid = fork();
    if (pid == 0)
        helper_starter_exec(path, socket, request);
    return pid < 0 ? -errno : pid;
}

int helper_process_start(const char *path, pid_t target, uint32_t ring_records, uint32_t max_threads,
                         enum wire_detail detail, bool running, struct helper_process *ret_helper, int *ret_sampling,
                         char *message, size_t size)
{
    struct helper_request request = {.target = target,
                                     .ring_records = ring_records,
                                     .max_threads = max_threads,
                                     .detail = detail,
                                     .running = running};
    struct helper_process helper = {.pid = -1, .socket = -1};
    char file[PATH_MAX];
    int sockets[2], r;

    r = helper_process_find(path, file, sizeof(file));
    if (r < 0) {
        (void)snprintf(message, size, "the helper " HELPER_NAME " was not found (last looked for: %s)", file);
        return -ENOENT;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    helper.pid = start(file, sockets[1], &request);
    (void)close(sockets[1]);
    helper.socket = sockets[0];
    if (helper.pid < 0)
        r = helper.pid;
    else
        r = wait_until_ready(helper.socket, ret_sampling, message, size);
    if (r < 0) {
        helper_process_end(&helper);
        return r;
    }
    *ret_helper = helper;
    return 0;
}

void helper_process_end(struct helper_process *helper)
{
    if (helper->socket >= 0)
        (void)close(helper->socket);
    if (helper->pid > 0)
        (void)waitpid(helper->pid, NULL, 0);
    helper->socket = -1;
    helper->pid = -1;
}
