/* SPDX-License-Identifier: BSD-2-Clause */

/* One look at one thread: what is read of it, and what becomes of the waits that ended. */

#include <sys/uio.h>

#include "base/base.h"
#include "probe/procfs/classify.h"
#include "probe/procfs/descriptors.h"
#include "probe/procfs/sampler_parts.h"

#define EXTRAS_A_ROUND 16u
#define FUTEXES_MAX 256u                       /* of a thread; further ones have no name */
#define LOOP_KNOWN_NS (20 * NSEC_PER_MSEC)     /* what a selector watches is not looked at more often */
#define STAT_INTERVAL_NS (200 * NSEC_PER_MSEC) /* for the split into user and system time */

/* As resolve_kind() of cause.bpf.h; who ended it is in the kind already. */
static uint16_t ended_kind(const struct stretch *stretch)
{
    if (!stretch->timed_out)
        return stretch->wait.kind;
    switch (stretch->wait.kind) {
    case WAIT_FUTEX_OTHER:
        return WAIT_FUTEX_TIMEOUT;
    case WAIT_EPOLL_OUTSIDE:
    case WAIT_EPOLL_SIBLING:
    case WAIT_EPOLL_TARGET:
        return WAIT_EPOLL_TIMEOUT;
    case WAIT_EVENTFD:
    case WAIT_POLL_OUTSIDE:
    case WAIT_POLL_SIBLING:
    case WAIT_POLL_TARGET:
        return WAIT_POLL_TIMEOUT;
    case WAIT_INET_OUTSIDE:
    case WAIT_INET_SIBLING:
    case WAIT_INET_TARGET:
        return WAIT_INET_TIMEOUT;
    default:
        return stretch->wait.kind;
    }
}

static int add_futex(struct sampler *s, struct sampler_thread *t, uint16_t kind, const struct stretch *stretch)
{
    struct wire_futex *futex = NULL;

    for (size_t i = 0; i < t->n_futexes && !futex; i++)
        if (t->futexes[i].key.address == stretch->wait.address && t->futexes[i].key.kind == kind)
            futex = &t->futexes[i];
    if (!futex && t->n_futexes >= FUTEXES_MAX) {
        s->totals.futex_unnamed++;
        return 0;
    }
    if (!futex) {
        if (base_grow(&t->futexes, &t->futexes_capacity, t->n_futexes + 1, sizeof(*futex)) < 0)
            return -ENOMEM;
        futex = &t->futexes[t->n_futexes++];
        *futex =
            (struct wire_futex){.key = {t->slot.tid, kind, stretch->wait.address}, .value = {.tgid = t->slot.tgid}};
    }
    futex->value.wait_ns += stretch->blocked_ns;
    futex->value.waits += stretch->waits;
    return 0;
}

int sampler_tell_futexes(struct sampler *s, const struct sampler_thread *t)
{
    return outbox_add(&s->futexes, t->futexes, t->n_futexes * sizeof(*t->futexes));
}

void sampler_stretch(const struct stretch *stretch, void *userdata)
{
    struct stretch_target *target = userdata;
    struct slot *slot = &target->thread->slot;
    uint16_t kind = ended_kind(stretch);
    struct record record = {
        .time = stretch->time,
        .tid = slot->tid,
        .tgid = slot->tgid,
        .type = RECORD_SLICE,
        .kind = (__u8)(stretch->waits ? kind : WAIT_EXIT),
        .on_cpu_ns = stretch->on_cpu_ns,
        .runnable_ns = stretch->runnable_ns,
        .blocked_ns = stretch->blocked_ns,
        .stack_id = stretch->wait.stack_id,
        .address_low = (__u32)stretch->wait.address,
    };

    if (stretch->waits) {
        slot->blocked_ns[kind] += stretch->blocked_ns;
        slot->blocked_count[kind] += (__u32)stretch->waits;
        slot->voluntary += (__u32)stretch->waits;
        target->sampler->merged += stretch->waits - 1;
        if (kind >= WAIT_FUTEX_MUTEX && kind <= WAIT_FUTEX_TIMEOUT && target->error == 0)
            target->error = add_futex(target->sampler, target->thread, kind, stretch);
    }
    /* -p: many waits last from before until after, and are what there is to see. */
    if ((!stretch->open || target->sampler->attached) && target->error == 0)
        target->error = sampler_record(target->sampler, &record);
}

/* An epoll descriptor watches much the same from one wait to the next. */
static uint16_t kind_of_epoll(struct sampler *s, struct sampler_thread *t, int fd)
{
    if (!t->loop_known || t->loop_fd != fd || s->round >= t->loop_until) {
        t->loop_kind = descriptors_epoll_kind(s->descriptors, t->files.pid, fd);
        t->loop_known = true;
        t->loop_fd = fd;
        t->loop_until = s->round + LOOP_KNOWN_NS;
    }
    return t->loop_kind;
}

static uint16_t kind_of_facts(struct sampler *s, struct sampler_thread *t, const struct call_facts *facts)
{
    uint16_t kind;

    if (facts->kind == WAIT_EPOLL_OUTSIDE)
        return kind_of_epoll(s, t, (int)facts->address);
    if (facts->kind == WAIT_POLL_OUTSIDE && facts->n_fds > 1)
        return descriptors_poll_kind(s->descriptors, t->files.pid, facts->fds, facts->n_fds);
    if (facts->fd < 0)
        return facts->kind;
    kind = descriptors_kind(s->descriptors, t->files.pid, facts->fd, facts->accepting);
    /* poll on a terminal or an unknown descriptor stays a poll */
    if (facts->kind && (kind == WAIT_UNKNOWN || kind == WAIT_FILE || kind == WAIT_TERMINAL))
        return facts->kind;
    return kind;
}

static void read_wait(struct sampler *s, struct sampler_thread *t, const struct task_call *call, struct look *look)
{
    struct call_facts facts = classify_call(t->files.pid, call);

    if (facts.goes_on) {
        look->wait = t->account.wait;
        return;
    }
    look->wait.kind = kind_of_facts(s, t, &facts);
    look->wait.address = facts.address;
    look->wait.timeout_ns = facts.timeout_ns;
}

/* Their system call is not for us: the state and the function it sleeps in are. @return as sampler_look_at() */
static int read_opaque(struct sampler_thread *t, struct look *look)
{
    struct task_stat stat;
    char text[1024];
    ssize_t n = task_files_read(&t->files, TASK_STAT, text, sizeof(text));

    if (n < 0 || task_parse_stat(text, &stat) < 0)
        return n < 0 ? (int)n : -EBADMSG;
    if (stat.state == 'Z' || stat.state == 'X')
        return 1;
    look->blocked = stat.state != 'R';
    if (!look->blocked)
        return 0;
    if (stat.state == 'T' || stat.state == 't')
        look->wait.kind = WAIT_STOPPED;
    else if (task_files_read(&t->files, TASK_WCHAN, text, sizeof(text)) > 0)
        look->wait.kind = classify_function(text);
    return 0;
}

static int read_doing(struct sampler *s, struct sampler_thread *t, struct look *look, struct task_call *call)
{
    char text[512];
    ssize_t n;

    if (t->opaque)
        return read_opaque(t, look);
    n = task_files_read(&t->files, TASK_SYSCALL, text, sizeof(text));
    if (n == -EACCES) {
        t->opaque = true;
        s->opaque++;
        return read_opaque(t, look);
    }
    if (n < 0 || task_parse_syscall(text, call) < 0)
        return n < 0 ? (int)n : -EBADMSG;
    if (call->doing == TASK_ENDED)
        return 1;
    look->blocked = call->doing != TASK_RUNS;
    if (look->blocked)
        read_wait(s, t, call, look);
    return 0;
}

/* `status` and `stat` are dear: of hundreds of threads a few a round, or there would be too few rounds. */
static bool may_read_more(struct sampler *s)
{
    if (s->extras >= EXTRAS_A_ROUND)
        return false;
    s->extras++;
    return true;
}

static void read_voluntary(struct sampler_thread *t, struct look *look)
{
    char text[4096];

    if (task_files_read(&t->files, TASK_STATUS, text, sizeof(text)) > 0)
        look->voluntary_known = task_parse_voluntary(text, &look->voluntary) == 0;
}

void sampler_read_stat(struct sampler *s, struct sampler_thread *t)
{
    long hz = sysconf(_SC_CLK_TCK);
    struct task_stat stat;
    char text[1024];

    t->next_stat = s->round + STAT_INTERVAL_NS;
    read_voluntary(t, &t->voluntary);
    t->voluntary.switch_ins = t->last.switch_ins;
    if (hz <= 0 || task_files_read(&t->files, TASK_STAT, text, sizeof(text)) < 0 || task_parse_stat(text, &stat) < 0)
        return;
    t->slot.utime = stat.user_ticks * (NSEC_PER_SEC / (uint64_t)hz) - t->before.utime;
    t->slot.stime = stat.system_ticks * (NSEC_PER_SEC / (uint64_t)hz) - t->before.stime;
    memcpy(t->slot.comm, stat.name, sizeof(t->slot.comm));
}

/* @return 1: nothing has changed since the last look, 0, -errno */
static int read_times(struct sampler_thread *t, struct look *look)
{
    struct task_times times;
    char text[128];
    ssize_t n;

    look->now = sampler_clock();
    n = task_files_read(&t->files, TASK_SCHEDSTAT, text, sizeof(text));
    if (n < 0 || task_parse_schedstat(text, &times) < 0)
        return n < 0 ? (int)n : -EBADMSG;
    look->on_cpu_ns = times.on_cpu_ns;
    look->runnable_ns = times.runnable_ns;
    look->switch_ins = times.switch_ins;
    return t->last.blocked && !t->look_again && times.switch_ins == t->last.switch_ins &&
           times.on_cpu_ns == t->last.on_cpu_ns;
}

static void note_run(struct sampler *s, struct sampler_thread *t, const struct look *look)
{
    uint64_t on = look->on_cpu_ns > t->last.on_cpu_ns ? look->on_cpu_ns - t->last.on_cpu_ns : 0;

    s->round_on_cpu_ns += on;
    t->moved = t->process->moved = true;
    s->moved = s->round;
    if (!look->blocked)
        sampler_sample_cpu(s, t, look->now, on);
    else
        t->unsampled_ns = 0;
    if (s->round >= t->next_stat && may_read_more(s))
        sampler_read_stat(s, t);
}

/* Not this time: stacks have cost enough in this round. */
static bool is_out_of_credit(const struct sampler *s)
{
    return s->stacks && s->stack_credit_ns <= s->stack_floor_ns;
}

/* A new wait, not the one that was there at the last look: give it a stack. */
static void take_stack(struct sampler *s, struct sampler_thread *t, const struct task_call *call,
                       const struct look *look)
{
    const struct account *a = &t->account;

    if (!look->blocked || t->opaque || a->wait.stack_id)
        return;
    t->account.wait.stack_id = sampler_stack_of_wait(
        s, t, call, a->mark + a->stretch_on_ns + a->stretch_runnable_ns,
        a->wait.kind >= WAIT_FUTEX_MUTEX && a->wait.kind <= WAIT_FUTEX_TIMEOUT ? a->wait.address : 0);
}

int sampler_look_at(struct sampler *s, size_t index)
{
    struct sampler_thread *t = s->threads[index];
    struct stretch_target target = {s, t, 0};
    struct task_call call = {0};
    struct look look = {0};
    int r = read_times(t, &look);

    if (r == 1) { /* it waits on */
        t->last.now = t->account.seen = t->account.looked = look.now;
        return 0;
    }
    if (r == 0)
        r = read_doing(s, t, &look, &call);
    if (r == -ESRCH || r == -EBADMSG)
        return sampler_lose_thread(s, index, look.now) < 0 ? -ENOMEM : 1;
    if (r < 0)
        return r;
    if (r == 1) {
        read_voluntary(t, &look);
        sampler_read_stat(s, t);
        t->process->lost = true;
        return sampler_close_thread(s, index, &look, false) < 0 ? -ENOMEM : 1;
    }
    if (account_is_ambiguous(&t->account, &look) && may_read_more(s))
        read_voluntary(t, &look);
    note_run(s, t, &look);
    account_look(&t->account, &look, sampler_stretch, &target);
    t->last = look;
    take_stack(s, t, &call, &look);
    t->look_again = t->look_again && look.blocked && !t->account.wait.stack_id && is_out_of_credit(s);
    return target.error;
}
