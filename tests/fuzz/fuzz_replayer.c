/* SPDX-License-Identifier: BSD-2-Clause */

/* A replayer that answers what it likes: the interpreter of the target runs it. The input is all that it says. */

#include <sys/socket.h>

#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_protocol.h"
#include "base/base.h"
#include "tests/fuzz/fuzz.h"

static void converse(struct replay_child *child)
{
    static const struct replay_conditions conditions = {.parallel = 1, .cpus = 2};
    static const struct replay_plan plan = {.model = MODEL_THREADS, .workers = 2};
    char message[512] = "";
    struct replay_costs costs;
    struct replay_times times;
    bool keeps = false;

    if (replay_protocol_greeting(child, &keeps, message, sizeof(message)) < 0)
        return;
    (void)replay_protocol_calibrate(child, &conditions, &costs, message, sizeof(message));
    (void)replay_protocol_plan(child, 0, &plan, message, sizeof(message));
    while (replay_protocol_run(child, 0, false, &times, message, sizeof(message)) == 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay_child child = {.pid = 0, .deadline_ns = UINT64_MAX};
    int sockets[2];

    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    /* What fits into the socket is said before anything is asked; no reader is needed. */
    if (size > 0)
        (void)send(sockets[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(sockets[1], SHUT_WR);
    child.socket = sockets[0];
    converse(&child);
    (void)close(sockets[0]);
    (void)close(sockets[1]);
    free(child.buffer);
    return 0;
}
