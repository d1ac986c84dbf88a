/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/sampler.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/base.h"
#include "probe/procfs/descriptors.h"
#include "probe/procfs/sampler_parts.h"
#include "probe/wire.h"

#define FDS_FOR_OTHERS 200 /* the front end needs some, too */
#define STACK_CREDIT_NS (10 * (int64_t)NSEC_PER_MSEC)
#define STACK_ROUND_NS \
    (int64_t) NSEC_PER_MSEC /* of it in one round: the rounds of hundreds of threads must not take longer */
#define STACK_SHARE 0.006   /* of a CPU, within the sampler's */

static uint64_t clock_of(clockid_t clock)
{
    struct timespec now;

    return clock_gettime(clock, &now) < 0 ? 0 : (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t sampler_clock(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

uint64_t sampler_cpu_clock(void)
{
    return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

/* The time of a round by how many threads were on a CPU: its mean, between the two whole numbers next to it. */
static void note_parallelism(struct sampler *s)
{
    uint64_t wall = s->round - s->last_round, least, above;

    if (!wall)
        return;
    least = s->round_on_cpu_ns / wall;
    above = s->round_on_cpu_ns % wall;
    if (least + 1 >= PARALLELISM_MAX)
        return;
    s->parallel_ns[least + 1] += above;
    s->parallel_ns[least] += wall - above;
}

/* Look at every thread once. @return 0 or -errno */
static int look_round(struct sampler *s)
{
    int r = 0;

    s->rounds++;
    s->last_round = s->round;
    s->round = sampler_clock();
    s->round_on_cpu_ns = s->extras = 0;
    s->stack_credit_ns += (int64_t)((double)(s->round - s->last_round) * STACK_SHARE);
    if (s->stack_credit_ns > STACK_CREDIT_NS)
        s->stack_credit_ns = STACK_CREDIT_NS;
    s->stack_floor_ns = s->stack_credit_ns - STACK_ROUND_NS;
    if (s->stack_floor_ns < 0)
        s->stack_floor_ns = 0;
    descriptors_set_target(s->descriptors, s->known, s->n_known, s->round);
    for (size_t i = 0; i < s->n_threads && r >= 0;) {
        r = sampler_look_at(s, i);
        if (r == 0)
            i++;
    }
    if (r >= 0)
        r = sampler_find(s);
    note_parallelism(s);
    return r;
}

static bool is_released(struct sampler *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    if (s->released && !s->running) {
        s->running = true;
        s->round = s->moved = s->released;
        account_init(&s->threads[0]->account, s->released, s->threads[0]->account.on_cpu_ns,
                     s->threads[0]->account.runnable_ns, s->threads[0]->account.switch_ins + 1,
                     s->threads[0]->account.voluntary);
        s->threads[0]->last.now = s->released;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return s->running;
}

static int finish(struct sampler *s)
{
    uint64_t end;
    int r = s->running ? look_round(s) : 0;

    end = sampler_clock();
    while (r >= 0 && s->n_threads) {
        struct look last = s->threads[s->n_threads - 1]->last;

        last.now = end;
        r = sampler_close_thread(s, s->n_threads - 1, &last, true);
    }
    return r < 0 ? r : sampler_send_rest(s, end);
}

static int serve(struct sampler *s)
{
    uint64_t pause = SAMPLER_PAUSE_LEAST_NS;
    AUTO_FREE void *buffer = NULL;
    size_t capacity = 0;

    for (;;) {
        struct pollfd request = {.fd = s->socket, .events = POLLIN};
        struct timespec timeout = {(time_t)(pause / NSEC_PER_SEC), (long)(pause % NSEC_PER_SEC)};
        uint64_t before = sampler_cpu_clock();
        bool asked = false;
        int r = ppoll(&request, 1, &timeout, NULL);

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0) {
            r = sampler_take_request(s, &buffer, &capacity);
            if (r <= 0)
                return r < 0 ? r : finish(s);
            asked = r == 2;
            if (!asked) /* what is left of the pause is not waited for: a look more does no harm */
                continue;
        }
        if (!is_released(s))
            continue;
        r = look_round(s);
        if (r >= 0)
            r = sampler_flush(s);
        if (r >= 0 && (asked || s->round >= s->next_status))
            r = sampler_send_status(s);
        if (r >= 0 && s->looked_for)
            r = sampler_send_live(s);
        if (r < 0)
            return r;
        pause = sampler_rate_pause(&s->rate, sampler_clock(), sampler_cpu_clock() - before);
        pause = sampler_rate_still(pause, s->round - s->moved);
    }
}

static void *run_sampler(void *userdata)
{
    struct sampler *s = userdata;

    (void)prctl(PR_SET_NAME, "sampler");
    sampler_rate_init(&s->rate, sampler_clock());
    if (sampler_send_present(s) == 0)
        (void)serve(s);
    (void)shutdown(s->socket, SHUT_RDWR); /* the front end takes that for a helper that has ended */
    return NULL;
}

/* Descriptors that may be kept open. The limit is not raised: the target of a later run would inherit it. */
static int spare_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= FDS_FOR_OTHERS)
        return 0;
    return limit.rlim_cur < INT32_MAX ? (int)limit.rlim_cur - FDS_FOR_OTHERS : INT32_MAX;
}

static void free_sampler(struct sampler *s)
{
    struct outbox *const boxes[] = {&s->records,    &s->stacks_out, &s->natives,
                                    &s->obituaries, &s->survivors,  &s->futexes};

    sampler_free_tree(s);
    for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
        free(boxes[i]->data);
    descriptors_free(s->descriptors);
    free(s->known);
    base_close_fd(&s->socket);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* Signals are for the front end's own thread. */
static int start_thread(struct sampler *s)
{
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&s->thread, NULL, run_sampler, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int sampler_start(pid_t target, bool running, bool stacks, struct sampler **ret_sampler, int *ret_socket)
{
    struct sampler *s = calloc(1, sizeof(*s));
    int sockets[2], r;

    if (!s)
        return -ENOMEM;
    s->socket = s->loadavg = -1;
    s->root = (uint32_t)target;
    s->attached = running;
    s->stacks = stacks;
    s->stack_credit_ns = STACK_CREDIT_NS;
    s->spare_fds = spare_descriptors();
    s->descriptors = descriptors_new();
    (void)pthread_mutex_init(&s->mutex, NULL);
    s->tids = calloc(1, TIDS_MAX / 8);
    if (!s->descriptors || !s->tids)
        r = -ENOMEM;
    else
        r = running ? sampler_take_running(s) : sampler_take_root(s);
    if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        r = -errno;
    if (r < 0) {
        free_sampler(s);
        return r;
    }
    s->socket = sockets[0];
    if (!running)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    r = start_thread(s);
    if (r < 0) {
        (void)close(sockets[1]);
        free_sampler(s);
        return r;
    }
    *ret_socket = sockets[1];
    *ret_sampler = s;
    return 0;
}

void sampler_release(struct sampler *s, uint64_t now)
{
    (void)pthread_mutex_lock(&s->mutex);
    s->released = now;
    (void)pthread_mutex_unlock(&s->mutex);
}

uint64_t sampler_last_look(struct sampler *s, pid_t pid)
{
    clockid_t clock;
    uint64_t cpu_ns = clock_getcpuclockid(pid, &clock) == 0 ? clock_of(clock) : 0;

    (void)pthread_mutex_lock(&s->mutex);
    s->words[s->n_words++ % LAST_WORDS] =
        (struct last_words){.pid = (uint32_t)pid, .time = sampler_clock(), .cpu_ns = cpu_ns};
    (void)pthread_mutex_unlock(&s->mutex);
    return cpu_ns;
}

bool sampler_owns(const struct sampler *s, pid_t pid)
{
    for (size_t i = 0; i < s->n_strangers; i++) /* written before there was a second thread */
        if (s->strangers[i] == (uint32_t)pid)
            return false;
    return true;
}

void sampler_reaped(struct sampler *s, uint64_t children_ns)
{
    (void)pthread_mutex_lock(&s->mutex);
    s->reaped_cpu_ns += children_ns;
    (void)pthread_mutex_unlock(&s->mutex);
}

void sampler_end(struct sampler *s)
{
    if (!s)
        return;
    (void)pthread_join(s->thread, NULL);
    if (!s->attached)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    free_sampler(s);
}
