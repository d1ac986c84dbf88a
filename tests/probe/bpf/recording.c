/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/probe/bpf/recording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/helper_process.h"
#include "probe/launch.h"

static void keep(void *array, size_t *n, size_t *capacity, const void *elements, size_t count, size_t size)
{
    assert_int_equal(base_grow(array, capacity, *n + count, size), 0);
    memcpy(*(unsigned char **)array + *n * size, elements, count * size);
    *n += count;
}

/* Elements that begin with their size at `size_at`. */
static void keep_packed(struct recording *recording, const void *payload, size_t size, size_t size_at, size_t least,
                        void *array, size_t *n, size_t *capacity)
{
    unsigned char *message = malloc(size);
    void *place = message;

    memcpy(message, payload, size);
    keep(&recording->messages, &recording->n_messages, &recording->messages_capacity, &place, 1, sizeof(place));
    for (size_t at = 0; at < size;) {
        uint32_t length;

        assert_true(size - at >= least);
        memcpy(&length, message + at + size_at, sizeof(length));
        assert_true(length >= least && length % 8 == 0 && length <= size - at);
        place = message + at;
        keep(array, n, capacity, &place, 1, sizeof(place));
        at += length;
    }
}

static void check_native(const struct wire_native *native)
{
    size_t size = sizeof(*native) + native->n_chain * sizeof(uint64_t) + ((native->n_copy + 7u) & ~7u);

    assert_int_equal(native->size, size);
    assert_int_not_equal(native->id, 0);
    assert_true(native->n_chain >= 1 && native->n_chain <= CHAIN_DEPTH && native->n_copy <= STACK_COPY);
}

/* The order on the wire: stacks before the slices that name them. */
static void check_order(struct recording *recording, const struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].type == RECORD_SLICE && records[i].stack_id &&
            !recording_native(recording, records[i].stack_id, STACK_WAIT))
            recording->late = true;
}

static void take(struct recording *recording, const struct wire_header *header, const void *payload)
{
    size_t before = recording->n_natives;

    switch (header->type) {
    case WIRE_RECORDS:
        check_order(recording, payload, header->size / sizeof(struct record));
        keep(&recording->records, &recording->n_records, &recording->records_capacity, payload,
             header->size / sizeof(struct record), sizeof(struct record));
        break;
    case WIRE_STACKS:
        keep(&recording->stacks, &recording->n_stacks, &recording->stacks_capacity, payload,
             header->size / sizeof(struct stack_record), sizeof(struct stack_record));
        break;
    case WIRE_NATIVES:
        keep_packed(recording, payload, header->size, offsetof(struct wire_native, size), sizeof(struct wire_native),
                    &recording->natives, &recording->n_natives, &recording->natives_capacity);
        for (; before < recording->n_natives; before++)
            check_native(recording->natives[before]);
        break;
    case WIRE_MAPPINGS:
        keep_packed(recording, payload, header->size, offsetof(struct wire_mapping, size), sizeof(struct wire_mapping),
                    &recording->mappings, &recording->n_mappings, &recording->mappings_capacity);
        break;
    case WIRE_OBITUARIES:
    case WIRE_SURVIVORS:
        keep(&recording->slots, &recording->n_slots, &recording->slots_capacity, payload,
             header->size / sizeof(struct slot), sizeof(struct slot));
        break;
    case WIRE_PEERS:
        keep(&recording->peers, &recording->n_peers, &recording->peers_capacity, payload,
             header->size / sizeof(struct wire_peer), sizeof(struct wire_peer));
        break;
    case WIRE_FINAL:
        assert_int_equal(header->size, sizeof(recording->final));
        memcpy(&recording->final, payload, sizeof(recording->final));
        break;
    default:
        break;
    }
}

/* @return whether the last message has come */
static bool follow_once(struct recording *recording, void **buffer, size_t *capacity)
{
    struct pollfd news = {.fd = recording->helper, .events = POLLIN};
    struct wire_header header;

    if (poll(&news, 1, 20) != 1)
        return false;
    assert_int_equal(wire_receive(recording->helper, &header, buffer, capacity), 1);
    take(recording, &header, *buffer);
    return header.type == WIRE_FINAL;
}

void recording_run(struct recording *recording, char *const *argv, bool sites,
                   void (*hook)(struct recording *recording, void *userdata), void *userdata)
{
    struct helper_process helper = {-1, -1};
    struct launch launch = {-1, -1, -1};
    struct launch_options options = {.argv = argv};
    AUTO_FREE void *buffer = NULL;
    char message[512] = "";
    size_t capacity = 0;
    sigset_t mask;
    int sampling;
    bool ended = false, done = false;

    memset(recording, 0, sizeof(*recording));
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    options.mask = &mask;
    assert_int_equal(launch_hold(&options, &launch, message, sizeof(message)), 0);
    if (helper_process_start(HELPER_PATH, launch.pid, 0, 0, sites, false, &helper, &sampling, message,
                             sizeof(message)) < 0)
        fail_msg("the helper did not start: %s", message);
    recording->pid = launch.pid;
    recording->helper = helper.socket;
    assert_int_equal(launch_release(&launch), 0);
    while (!done) {
        done = follow_once(recording, &buffer, &capacity);
        if (!ended && hook)
            hook(recording, userdata);
        if (!ended && waitpid(launch.pid, &recording->status, WNOHANG) == launch.pid) {
            ended = true;
            assert_int_equal(wire_send(helper.socket, WIRE_STOP, NULL, 0), 0);
        }
    }
    launch_close(&launch);
    helper_process_end(&helper);
}

void recording_clear(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_messages; i++)
        free(recording->messages[i]);
    free(recording->messages);
    free(recording->records);
    free(recording->stacks);
    free(recording->natives);
    free(recording->mappings);
    free(recording->slots);
    free(recording->peers);
    memset(recording, 0, sizeof(*recording));
}

const struct wire_native *recording_native(const struct recording *recording, uint32_t id, enum stack_role role)
{
    for (size_t i = recording->n_natives; i > 0; i--)
        if (recording->natives[i - 1]->id == id && recording->natives[i - 1]->role == role)
            return recording->natives[i - 1];
    return NULL;
}

const struct stack_record *recording_stack(const struct recording *recording, uint32_t id, enum stack_role role)
{
    for (size_t i = 0; i < recording->n_stacks; i++)
        if (recording->stacks[i].id == id && recording->stacks[i].role == role)
            return &recording->stacks[i];
    return NULL;
}

const struct wire_mapping *recording_mapping(const struct recording *recording, uint32_t tgid, uint64_t address)
{
    const struct wire_mapping *found = NULL;

    for (size_t i = 0; i < recording->n_mappings; i++) {
        const struct wire_mapping *mapping = recording->mappings[i];

        if (mapping->tgid != tgid)
            continue;
        if (!mapping->length) /* exec */
            found = NULL;
        else if (address >= mapping->start && address - mapping->start < mapping->length)
            found = mapping;
    }
    return found;
}
