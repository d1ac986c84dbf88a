/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * concadvise-probe: the privileged piece. Loads and attaches the BPF programs for one held child of its caller, or for
 * a running process that the caller may look into (helper_attach.h), drops
 * every capability, then passes on what the programs write and what the kernel tells of mappings, that of the target's
 * processes only. Interprets nothing that the target wrote, opens no file by a name from outside, and ends with its
 * caller (end of file on the socket).
 *
 *     concadvise-probe SOCKET-FD TARGET-PID RING-RECORDS MAX-THREADS STACKS RUNNING
 *
 *     concadvise-probe --libbpf                        prints the version of its libbpf, and does nothing else
 *
 * RING-RECORDS and MAX-THREADS: 0 is the default; STACKS: 1, or 0 for none; RUNNING: 1 for a process that runs already.
 */

#include <poll.h>
#include <time.h>

#include "base/base.h"
#include "base/parse.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_session.h"
#include "probe/helper_attach.h"
#include "probe/helper_rights.h"
#include "probe/wire.h"

/*
 * Rounds come as often as there is something to fetch: a ring of 32768 records lasts 10 ms at 3 million switches a
 * second and CPU; a target that sleeps needs nobody to look.
 */
#define ROUND_BUSY_MS 5
#define ROUND_USUAL_MS 15
#define ROUND_IDLE_MS 40

static int forward(uint32_t type, const void *data, size_t size, void *userdata)
{
    const int *socket = userdata;
    size_t most = WIRE_MAX, element = 1;

    if (type == WIRE_RECORDS)
        element = sizeof(struct record);
    else if (type == WIRE_OBITUARIES || type == WIRE_SURVIVORS || type == WIRE_PRESENT)
        element = sizeof(struct slot);
    else if (type == WIRE_STACKS)
        element = sizeof(struct stack_record);
    else if (type == WIRE_PEERS)
        element = sizeof(struct wire_peer);
    else if (type == WIRE_FUTEXES)
        element = sizeof(struct wire_futex);
    most -= most % element;
    while (size > most) {
        int r = wire_send(*socket, type, data, most);

        if (r < 0)
            return r;
        data = (const char *)data + most;
        size -= most;
    }
    return wire_send(*socket, type, data, size);
}

/* The slices that have ended come first: what is in progress is told on top of them. */
static int look(struct bpf_session *session, int socket, uint32_t waits)
{
    int r = bpf_session_drain(session, forward, &socket);

    return r < 0 ? r : bpf_session_emit_live(session, waits, forward, &socket);
}

/* @return 2: drain now, 1: go on, 0: finish, -errno */
static int handle_request(struct bpf_session *session, int socket, void **buffer, size_t *capacity)
{
    struct wire_header header;
    int r = wire_receive(socket, &header, buffer, capacity);

    if (r <= 0)
        return r < 0 ? r : -EPIPE;
    if (header.type == WIRE_STOP)
        return 0;
    if (header.type == WIRE_ASK) {
        bpf_session_speak(session);
        return 2;
    }
    if (header.type == WIRE_LOOK && header.size == sizeof(uint32_t)) {
        r = look(session, socket, *(const uint32_t *)*buffer);
        return r < 0 ? r : 1;
    }
    if (header.type == WIRE_PYTHON && header.size == sizeof(struct wire_python)) {
        const struct wire_python *python = *buffer;

        (void)bpf_session_add_python(session, python->tgid, &python->process);
        return 1;
    }
    if (header.type == WIRE_RUBY && header.size == sizeof(struct wire_ruby)) {
        const struct wire_ruby *ruby = *buffer;

        (void)bpf_session_add_ruby(session, ruby->tgid, &ruby->process);
        return 1;
    }
    return -EPROTO;
}

static int next_round_ms(double fill, int last_ms)
{
    if (fill > 0.125)
        return ROUND_BUSY_MS;
    if (fill > 0)
        return ROUND_USUAL_MS;
    return last_ms * 2 < ROUND_IDLE_MS ? last_ms * 2 : ROUND_IDLE_MS;
}

static int serve(struct bpf_session *session, int socket)
{
    int round_ms = ROUND_BUSY_MS;
    AUTO_FREE void *buffer = NULL;
    size_t capacity = 0;

    for (;;) {
        struct pollfd request = {.fd = socket, .events = POLLIN};
        int r = poll(&request, 1, round_ms);

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0) {
            r = handle_request(session, socket, &buffer, &capacity);
            if (r == 0)
                return bpf_session_finish(session, forward, &socket);
            if (r < 0)
                return r;
            if (r == 1)
                continue;
        }
        r = bpf_session_drain(session, forward, &socket);
        if (r < 0)
            return r;
        round_ms = next_round_ms(bpf_session_fill(session), round_ms);
    }
}

static int fail(int socket, const char *message)
{
    (void)wire_send(socket, WIRE_FAILED, message, strlen(message));
    return EXIT_FAILURE;
}

static uint64_t monotonic_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Checked again once attached: the caller may have ended its child and waited for the number to be given away. */
static int start_held(const struct bpf_session_options *options, struct bpf_session **ret_session, char *message,
                      size_t size)
{
    int r = helper_rights_check(options->root, message, size);

    if (r == 0)
        r = bpf_session_start(options, ret_session, message, size);
    return r < 0 ? r : helper_rights_check(options->root, message, size);
}

/* The number meant the same process from the check until its threads were found: it has not ended. */
static int start_attached(const struct bpf_session_options *options, struct bpf_session **ret_session, char *message,
                          size_t size)
{
    AUTO_CLOSE int pidfd = -1;
    int r = helper_attach_check(options->root, &pidfd, message, size);

    if (r == 0)
        r = bpf_session_start(options, ret_session, message, size);
    return r < 0 ? r : helper_attach_is_there(pidfd, message, size);
}

static int attach(const struct bpf_session_options *options, struct bpf_session **ret_session, char *message,
                  size_t size)
{
    struct process_rights target;
    int r = helper_rights_read(options->root, &target);

    if (r < 0)
        (void)snprintf(message, size, "the process to be traced is gone");
    else
        r = options->attach ? start_attached(options, ret_session, message, size)
                            : start_held(options, ret_session, message, size);
    if (r < 0)
        return r;
    r = helper_rights_drop(&target);
    if (r < 0)
        (void)snprintf(message, size, "the helper could not give up its rights (%s)", strerror(-r));
    return r;
}

static int say_libbpf(void)
{
    unsigned major, minor;

    bpf_session_libbpf(&major, &minor);
    return printf("%u.%u\n", major, minor) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct bpf_session_options options = {.verbose = getenv("CONCADVISE_PROBE_DEBUG") != NULL};
    struct bpf_session *session = NULL;
    uint64_t socket_fd, target, ring, threads, detail, running;
    struct wire_ready ready = {0};
    char message[512] = "";
    int socket, r;

    if (argc == 2 && strcmp(argv[1], "--libbpf") == 0)
        return say_libbpf();
    if (argc != 7 || parse_u64(argv[1], 3, 1024, &socket_fd) < 0 || parse_u64(argv[2], 1, 4194304, &target) < 0 ||
        parse_u64(argv[3], 0, 1u << 20, &ring) < 0 || parse_u64(argv[4], 0, 60000, &threads) < 0 ||
        parse_u64(argv[5], WIRE_DETAIL_NO_SITES, WIRE_DETAIL_LIGHT, &detail) < 0 ||
        parse_u64(argv[6], 0, 1, &running) < 0 || helper_rights_prepare((int)socket_fd) < 0) {
        (void)fprintf(stderr, "concadvise-probe is started by concadvise; it is of no use by itself.\n");
        return 2;
    }
    socket = (int)socket_fd;
    options.root = (pid_t)target;
    options.ring_records = (uint32_t)ring;
    options.max_threads = (uint32_t)threads;
    options.no_stacks = detail == WIRE_DETAIL_NO_SITES;
    options.light = detail == WIRE_DETAIL_LIGHT;
    options.attach = running != 0;
    r = attach(&options, &session, message, sizeof(message));
    if (r < 0) {
        bpf_session_free(session);
        return fail(socket, message[0] ? message : strerror(-r));
    }
    ready.now_ns = monotonic_now();
    ready.sampling = bpf_session_samples(session);
    r = wire_send(socket, WIRE_READY, &ready, sizeof(ready));
    if (r == 0)
        r = bpf_session_emit_present(session, forward, &socket);
    if (r == 0)
        r = serve(session, socket);
    bpf_session_free(session);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
