/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * concadvise-probe: the privileged piece. Loads and attaches the BPF programs for one held child of its caller, drops
 * every capability, then passes on what the programs write and what the kernel tells of mappings, that of the target's
 * processes only. Interprets nothing that the target wrote, opens no file by a name from outside, and ends with its
 * caller (end of file on the socket).
 *
 *     concadvise-probe SOCKET-FD TARGET-PID RING-RECORDS MAX-THREADS STACKS
 *
 * RING-RECORDS and MAX-THREADS: 0 is the default; STACKS: 1, or 0 for none.
 */

#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/base.h"
#include "base/parse.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_session.h"
#include "probe/wire.h"

/*
 * Rounds come as often as there is something to fetch: a ring of 32768 records lasts 10 ms at 3 million switches a
 * second and CPU; a target that sleeps needs nobody to look.
 */
#define ROUND_BUSY_MS 5
#define ROUND_USUAL_MS 15
#define ROUND_IDLE_MS 40

/* Only a child of the caller that belongs to the caller may be traced: BPF itself makes no such check. */
static bool caller_may_trace(pid_t target)
{
    AUTO_FCLOSE FILE *file = NULL;
    char path[64], line[256];
    long parent = -1, uid = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)target);
    file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        (void)sscanf(line, "PPid: %ld", &parent);
        (void)sscanf(line, "Uid: %ld", &uid);
    }
    return parent == getppid() && (getuid() == 0 || uid == (long)getuid());
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int forward(uint32_t type, const void *data, size_t size, void *userdata)
{
    const int *socket = userdata;
    size_t most = WIRE_MAX, element = 1;

    if (type == WIRE_RECORDS)
        element = sizeof(struct record);
    else if (type == WIRE_OBITUARIES || type == WIRE_SURVIVORS)
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

int main(int argc, char **argv)
{
    struct bpf_session_options options = {0};
    struct bpf_session *session = NULL;
    uint64_t socket_fd, target, ring, threads, detail;
    struct wire_ready ready = {0};
    char message[512] = "";
    int socket, r;

    if (argc != 6 || parse_u64(argv[1], 0, 1024, &socket_fd) < 0 || parse_u64(argv[2], 1, 4194304, &target) < 0 ||
        parse_u64(argv[3], 0, 1u << 20, &ring) < 0 || parse_u64(argv[4], 0, 60000, &threads) < 0 ||
        parse_u64(argv[5], WIRE_DETAIL_NO_SITES, WIRE_DETAIL_LIGHT, &detail) < 0) {
        (void)fprintf(stderr, "concadvise-probe is started by concadvise; it is of no use by itself.\n");
        return 2;
    }
    socket = (int)socket_fd;
    /* Ctrl-C is for the target; we end when the caller does. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    if (!caller_may_trace((pid_t)target))
        return fail(socket, "the target is not a held child of the caller with the caller's user id");
    options.root = (pid_t)target;
    options.ring_records = (uint32_t)ring;
    options.max_threads = (uint32_t)threads;
    options.no_stacks = detail == WIRE_DETAIL_NO_SITES;
    options.light = detail == WIRE_DETAIL_LIGHT;
    r = bpf_session_start(&options, &session, message, sizeof(message));
    if (r < 0)
        return fail(socket, message[0] ? message : strerror(-r));
    r = drop_capabilities();
    if (r < 0)
        return fail(socket, "could not drop the helper's capabilities");
    ready.now_ns = monotonic_now();
    ready.sampling = bpf_session_samples(session);
    r = wire_send(socket, WIRE_READY, &ready, sizeof(ready));
    if (r == 0)
        r = serve(session, socket);
    bpf_session_free(session);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
