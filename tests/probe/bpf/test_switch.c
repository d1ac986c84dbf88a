/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Stacks, wakers, owners, mappings, connects and I/O as the kernel side delivers them, on a real kernel. Needs root (or
 * a helper with capabilities); fails without.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/base.h"
#include "tests/probe/bpf/recording.h"

static void run(struct recording *recording, const char *mode, const char *count, const char *port)
{
    char *const argv[] = {(char *)TARGET_PATH, (char *)(uintptr_t)mode, (char *)(uintptr_t)count,
                          (char *)(uintptr_t)port, NULL};

    recording_run(recording, argv, true, NULL, NULL);
    assert_int_equal(recording->status, 0);
    assert_false(recording->late);
}

/* The slice with the longest wait of a kind. */
static const struct record *longest(const struct recording *recording, enum wait_kind kind)
{
    const struct record *found = NULL;

    for (size_t i = 0; i < recording->n_records; i++) {
        const struct record *r = &recording->records[i];

        if (r->type == RECORD_SLICE && r->kind == kind && (!found || r->blocked_ns > found->blocked_ns))
            found = r;
    }
    assert_non_null(found);
    return found;
}

static void expect_in(const struct recording *recording, uint32_t tgid, uint64_t address, const char *path)
{
    const struct wire_mapping *mapping = recording_mapping(recording, tgid, address);

    assert_non_null(mapping);
    assert_string_equal(mapping->path, path);
}

/* Our own frames only: libc has no frame pointers. The wait is in a function that a function of ours calls. */
static void a_wait_has_its_stack_and_a_copy(void **state)
{
    struct recording recording;
    const struct wire_native *native;
    const struct record *slice;

    (void)state;
    run(&recording, "waker", NULL, NULL);
    slice = longest(&recording, WAIT_FUTEX_OTHER);
    native = recording_native(&recording, slice->stack_id, STACK_WAIT);
    assert_non_null(native);
    assert_int_equal(native->tid, slice->tid);
    assert_int_equal(native->tgid, recording.pid);
    assert_int_equal(slice->stack_shift, 0);
    assert_true(native->time <= slice->time);
    assert_int_equal(native->chain[0], native->registers.ip);
    expect_in(&recording, native->tgid, native->chain[0], TARGET_PATH);
    assert_true(native->n_chain >= 2);
    expect_in(&recording, native->tgid, native->chain[1], TARGET_PATH);
    assert_true(native->registers.bp >= native->registers.sp);
    assert_true(native->n_copy > 128);
    /* The copy begins at the stack pointer: the frame pointer leads to the caller's return address in it. */
    assert_true(native->registers.bp - native->registers.sp + 16 <= native->n_copy);
    assert_memory_equal((const unsigned char *)(native->chain + native->n_chain) + native->registers.bp -
                            native->registers.sp + 8,
                        &native->chain[1], 8);
    recording_clear(&recording);
}

static void the_waker_of_a_wait_is_seen(void **state)
{
    struct recording recording;
    const struct wire_native *waker, *waiter;
    const struct record *slice;

    (void)state;
    run(&recording, "waker", NULL, NULL);
    slice = longest(&recording, WAIT_FUTEX_OTHER);
    waiter = recording_native(&recording, slice->stack_id, STACK_WAIT);
    waker = recording_native(&recording, slice->stack_id, STACK_WAKER);
    assert_non_null(waiter);
    assert_non_null(waker);
    assert_int_equal(waker->tid, slice->other_tid);
    assert_int_equal(waker->tid, recording.pid);
    expect_in(&recording, waker->tgid, waker->registers.ip, TARGET_PATH);
    assert_int_not_equal(waker->registers.ip, waiter->registers.ip);
    /* A timer ended the first thread's sleep, whoever it hit. */
    slice = longest(&recording, WAIT_SLEEP);
    assert_int_not_equal(slice->stack_id, 0);
    assert_null(recording_native(&recording, slice->stack_id, STACK_WAKER));
    recording_clear(&recording);
}

static void the_owner_of_a_mutex_is_read(void **state)
{
    struct recording recording;
    const struct wire_native *native, *waker;
    const struct record *slice;
    uint32_t second = 0;

    (void)state;
    run(&recording, "owner", NULL, NULL);
    for (size_t i = 0; i < recording.n_records; i++)
        if (recording.records[i].type == RECORD_FORK)
            second = recording.records[i].tid;
    slice = longest(&recording, WAIT_FUTEX_MUTEX);
    native = recording_native(&recording, slice->stack_id, STACK_WAIT);
    assert_non_null(native);
    assert_int_equal(native->tid, recording.pid);
    assert_int_equal(native->owner_tid, second);
    waker = recording_native(&recording, slice->stack_id, STACK_WAKER);
    assert_non_null(waker);
    assert_int_equal(waker->tid, second);
    /* A thread's death ends the join. */
    for (size_t i = 0; i < recording.n_natives; i++)
        if (recording.natives[i]->role != STACK_WAIT)
            assert_int_equal(recording.natives[i]->owner_tid, 0);
    recording_clear(&recording);
}

static void mappings_come_as_they_are_made(void **state)
{
    struct recording recording;
    bool target = false, libc = false;
    struct stat status;
    uint64_t last = 0;

    (void)state;
    run(&recording, "io", NULL, NULL);
    assert_int_equal(stat(TARGET_PATH, &status), 0);
    for (size_t i = 0; i < recording.n_mappings; i++) {
        const struct wire_mapping *mapping = recording.mappings[i];

        assert_int_equal(mapping->tgid, recording.pid); /* nobody else's */
        assert_true(mapping->time >= last);
        last = mapping->time;
        assert_non_null(memchr(mapping->path, '\0', mapping->size - sizeof(*mapping)));
        if (strcmp(mapping->path, TARGET_PATH) == 0) {
            target = true;
            assert_int_equal(mapping->inode, status.st_ino);
            assert_int_equal(makedev(mapping->major, mapping->minor), status.st_dev);
        }
        libc |= strstr(mapping->path, "/libc.so") != NULL || strstr(mapping->path, "/libc-") != NULL;
    }
    assert_true(target);
    assert_true(libc);
    recording_clear(&recording);
}

/* Another program that maps and starts programs all the while is not told of. */
static void other_programs_are_nobodys_business(void **state)
{
    struct recording recording;
    pid_t other = fork();

    (void)state;
    if (other == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            if (system("/bin/true") < 0)
                _exit(1);
    }
    run(&recording, "waker", NULL, NULL);
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
    assert_true(recording.n_mappings > 0);
    for (size_t i = 0; i < recording.n_mappings; i++)
        assert_int_equal(recording.mappings[i]->tgid, recording.pid);
    recording_clear(&recording);
}

static void samples_have_stacks(void **state)
{
    struct recording recording;
    size_t samples = 0, in_target = 0;

    (void)state;
    run(&recording, "burn", NULL, NULL);
    for (size_t i = 0; i < recording.n_natives; i++) {
        const struct wire_native *native = recording.natives[i];
        const struct wire_mapping *mapping = recording_mapping(&recording, native->tgid, native->registers.ip);

        if (native->role != STACK_SAMPLE)
            continue;
        samples++;
        in_target += mapping && strcmp(mapping->path, TARGET_PATH) == 0 && native->n_chain >= 2;
    }
    assert_true(samples >= 10);
    assert_true(in_target * 10 >= samples * 9);
    assert_true(samples <= recording.slots[0].cpu_samples);
    recording_clear(&recording);
}

/* Where the target's own function is: it says so on its standard output. */
static void run_alternating(struct recording *recording, const char *mode, const char *count, uint64_t ret_place[2])
{
    unsigned long place[2];
    int saved = dup(STDOUT_FILENO), file = memfd_create("output", MFD_CLOEXEC);
    FILE *output;

    assert_true(dup2(file, STDOUT_FILENO) >= 0);
    run(recording, mode, count, NULL);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);
    output = fdopen(file, "r");
    rewind(output);
    assert_int_equal(fscanf(output, "short %lx long %lx", &place[0], &place[1]), 2);
    (void)fclose(output);
    ret_place[0] = place[0];
    ret_place[1] = place[1];
}

/*
 * Waits of one class, with a short one before each long one: by the weights of their stacks there are as many as there
 * were, within six standard deviations of what picking each with probability 1/weight gives.
 */
static void expect_weights(const char *mode, double count, int times)
{
    struct recording recording;
    double seen[2] = {0}, variance[2] = {0}, expected[2] = {count * times, count};
    uint64_t place[2];
    size_t picked = 0;
    char text[32];

    (void)snprintf(text, sizeof(text), "%.0f", count);
    run_alternating(&recording, mode, text, place);
    assert_int_equal(recording.final.stacks_lost, 0);
    assert_int_equal(recording.final.records_lost, 0);
    for (size_t i = 0; i < recording.n_records; i++) {
        const struct record *r = &recording.records[i];
        double weight = (double)(1u << r->stack_shift);
        const struct wire_native *native;

        if (r->type != RECORD_SLICE || r->kind != WAIT_SLEEP || !r->stack_id)
            continue;
        native = recording_native(&recording, r->stack_id, STACK_WAIT);
        assert_non_null(native);
        picked++;
        for (int k = 0; k < 2; k++) {
            if (native->registers.ip - place[k] >= 128 ||
                (place[1 - k] > place[k] && native->registers.ip >= place[1 - k]))
                continue;
            seen[k] += weight;
            variance[k] += weight * (weight - 1);
        }
    }
    assert_true((double)picked < expected[0] + expected[1]); /* the limiter was at work */
    for (int k = 0; k < 2; k++)
        if (fabs(seen[k] - expected[k]) > 6 * sqrt(variance[k]) + expected[k] / 50)
            fail_msg("%s: %.0f waits expected at place %d, %.0f by weight, deviation %.0f", mode, expected[k], k,
                     seen[k], sqrt(variance[k]));
    recording_clear(&recording);
}

static void weights_are_unbiased(void **state)
{
    (void)state;
    expect_weights("alternate", 4000, 1);
    expect_weights("ten-to-one", 1500, 10);
}

static void a_lone_long_wait_has_its_stack(void **state)
{
    struct recording recording;
    const struct record *slice;
    size_t waits = 0, picked = 0;

    (void)state;
    run(&recording, "lone-sleep", "30000", NULL);
    slice = longest(&recording, WAIT_SLEEP);
    assert_int_not_equal(slice->stack_id, 0);
    assert_int_equal(slice->stack_shift, 0);
    for (size_t i = 0; i < recording.n_records; i++) {
        waits += recording.records[i].type == RECORD_SLICE && recording.records[i].blocked_ns;
        picked += recording.records[i].stack_id != 0;
    }
    assert_true(picked * 4 < waits);
    recording_clear(&recording);
}

static int listen_on(int family, char *ret_port, size_t size)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = family == AF_INET6 ? sizeof(six) : sizeof(four);
    struct sockaddr *address = family == AF_INET6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;

    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, address, length), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, address, &length), 0);
    (void)snprintf(ret_port, size, "%d", ntohs(family == AF_INET6 ? six.sin6_port : four.sin_port));
    return fd;
}

static void expect_peer(const char *mode, const char *port, uint16_t family, uint64_t established)
{
    struct recording recording;
    const struct wire_peer *peer;

    run(&recording, mode, "50", port);
    assert_int_equal(recording.n_peers, 1);
    peer = &recording.peers[0];
    assert_int_equal(peer->key.tgid, recording.pid);
    assert_int_equal(peer->key.family, family);
    assert_int_equal(peer->key.port, atoi(port));
    assert_int_equal(peer->key.address[0], family == AF_INET ? 127 : 0);
    assert_int_equal(peer->key.address[family == AF_INET ? 3 : 15], 1);
    assert_int_equal(peer->value.connects, 50);
    assert_int_equal(peer->value.established, established);
    assert_true(peer->value.first <= peer->value.last);
    assert_true(established ? peer->value.handshake_ns > 0 : peer->value.handshake_ns == 0);
    assert_true(peer->value.handshake_ns <= recording.final.end_ns - peer->value.first);
    assert_non_null(recording_native(&recording, peer->value.stack_id, STACK_CONNECT));
    recording_clear(&recording);
}

static void connects_are_counted(void **state)
{
    char port[16], port6[16];
    int fd = listen_on(AF_INET, port, sizeof(port)), fd6 = listen_on(AF_INET6, port6, sizeof(port6));

    (void)state;
    expect_peer("connect", port, AF_INET, 50);
    expect_peer("connect46", port, AF_INET, 50);
    expect_peer("connect6", port6, AF_INET6, 50);
    (void)close(fd);
    (void)close(fd6);
    expect_peer("connect", port, AF_INET, 0); /* refused */
}

static void io_is_read_at_death(void **state)
{
    struct recording recording;

    (void)state;
    run(&recording, "io", NULL, NULL);
    assert_int_equal(recording.n_slots, 1);
    assert_int_equal(recording.slots[0].wchar, 1000 * 1024);
    assert_int_equal(recording.slots[0].syscw, 1000);
    assert_true(recording.slots[0].rchar >= 10 * 4096);
    assert_true(recording.slots[0].syscr >= 10);
    recording_clear(&recording);
}

static void without_sites_no_stack_is_taken(void **state)
{
    char *const argv[] = {(char *)TARGET_PATH, (char *)"waker", NULL};
    struct recording recording;

    (void)state;
    recording_run(&recording, argv, false, NULL, NULL);
    assert_true(recording.n_records > 0);
    assert_int_equal(recording.n_natives, 0);
    assert_int_equal(recording.n_stacks, 0);
    for (size_t i = 0; i < recording.n_records; i++)
        assert_int_equal(recording.records[i].stack_id, 0);
    recording_clear(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_has_its_stack_and_a_copy),
        cmocka_unit_test(the_waker_of_a_wait_is_seen),
        cmocka_unit_test(the_owner_of_a_mutex_is_read),
        cmocka_unit_test(mappings_come_as_they_are_made),
        cmocka_unit_test(other_programs_are_nobodys_business),
        cmocka_unit_test(samples_have_stacks),
        cmocka_unit_test(weights_are_unbiased),
        cmocka_unit_test(a_lone_long_wait_has_its_stack),
        cmocka_unit_test(connects_are_counted),
        cmocka_unit_test(io_is_read_at_death),
        cmocka_unit_test(without_sites_no_stack_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
