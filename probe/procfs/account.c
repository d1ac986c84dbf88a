/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/account.h"

#include "base/base.h"
#include "probe/bpf/abi.h"

#define TICK_NS (4 * NSEC_PER_MSEC) /* CONFIG_HZ=250, as distributions have it */

void account_init(struct account *account, uint64_t birth, uint64_t on_cpu_ns, uint64_t runnable_ns,
                  uint64_t switch_ins, uint64_t voluntary)
{
    memset(account, 0, sizeof(*account));
    account->birth = account->mark = account->seen = account->looked = birth;
    account->on_cpu_ns = on_cpu_ns;
    account->runnable_ns = runnable_ns;
    account->switch_ins = switch_ins;
    account->voluntary = voluntary;
    account->voluntary_known = true;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the wait in progress began: a thread that was running ran up to it. */
static uint64_t wait_begin(const struct account *account)
{
    return account->mark + account->stretch_on_ns + account->stretch_runnable_ns;
}

static uint64_t switches(const struct account *account, const struct look *look)
{
    return minus(look->switch_ins, account->switch_ins);
}

bool account_is_ambiguous(const struct account *account, const struct look *look)
{
    uint64_t n = switches(account, look);

    /* One switch-in ends the wait that was in progress; without any nothing has ended. */
    return look->blocked && n > 0 && !(account->blocked && n == 1);
}

/* Waits that ended since the last settlement. The other switches were preemptions. */
static uint64_t waits_ended(const struct account *account, const struct look *look)
{
    uint64_t n = switches(account, look), voluntary;

    if (n == 0 || (account->blocked && n == 1))
        return n;
    if (!look->voluntary_known || !account->voluntary_known)
        return n;
    voluntary = minus(look->voluntary, account->voluntary);
    if (!account->blocked && look->blocked && voluntary > 0)
        voluntary--; /* the one in progress has not ended */
    if (account->blocked && voluntary == 0)
        voluntary = 1;
    return min_u64(voluntary, n);
}

static void run(struct account *account, uint64_t on_ns, uint64_t runnable_ns)
{
    account->stretch_on_ns += on_ns;
    account->stretch_runnable_ns += runnable_ns;
    account->sum_on_ns += on_ns;
    account->sum_runnable_ns += runnable_ns;
}

/* What happened since the last settlement, to be shared out. */
struct share {
    uint64_t ended;              /* waits that are over */
    uint64_t stretches;          /* to be told of them */
    uint64_t on_ns, runnable_ns; /* of all of it */
    uint64_t first_ns;           /* blocked: of the wait that was in progress at the last look */
    uint64_t other_ns;           /* of all other waits, the one in progress included */
    uint64_t others;             /* their number */
};

/* The i-th of n nearly equal parts that add up to `total`. */
static uint64_t part(uint64_t total, uint64_t i, uint64_t n)
{
    return n ? total / n + (i < total % n ? 1 : 0) : 0;
}

static struct share share_out(const struct account *account, const struct look *look)
{
    struct share share = {.ended = waits_ended(account, look)};
    uint64_t from = account->blocked ? account->seen : wait_begin(account);
    uint64_t free_ns;

    share.on_ns = minus(look->on_cpu_ns, account->on_cpu_ns);
    share.runnable_ns = minus(look->runnable_ns, account->runnable_ns);
    free_ns = minus(minus(look->now, from), share.on_ns + share.runnable_ns);
    share.stretches = min_u64(share.ended, ACCOUNT_STRETCHES);
    share.others = share.stretches + look->blocked;
    if (account->blocked && share.ended) {
        share.first_ns = free_ns / share.others;
        if (account->run_seen && share.others > 1)
            share.first_ns = min_u64(share.first_ns, minus(account->run_seen, account->seen));
        share.others--;
    }
    share.other_ns = free_ns - share.first_ns;
    if (!share.others)
        share.first_ns += share.other_ns;
    return share;
}

/*
 * @param doubt_ns  what the wait may have lasted longer than that: where its timeout may have passed it has. Beside
 * many short waits a long one ends by its timeout as a rule, and seldom just before it.
 */
static void end_stretch(struct account *account, struct stretch *stretch, uint64_t doubt_ns, account_fn emit,
                        void *userdata)
{
    stretch->on_cpu_ns = account->stretch_on_ns;
    account->sum_runnable_ns += stretch->runnable_ns;
    stretch->runnable_ns += account->stretch_runnable_ns;
    stretch->time = account->mark + stretch->on_cpu_ns + stretch->blocked_ns + stretch->runnable_ns;
    stretch->timed_out = stretch->wait.timeout_ns && stretch->blocked_ns + doubt_ns >= stretch->wait.timeout_ns;
    account->mark = stretch->time;
    account->stretch_on_ns = account->stretch_runnable_ns = 0;
    emit(stretch, userdata);
}

/*
 * Whose kind an unseen wait gets: that of the wait seen before, or else after. Not that of a selector: a turn of an
 * event loop is more than a wait.
 */
static struct sampled_wait guess(const struct account *account, const struct look *look)
{
    struct sampled_wait wait = account->wait;

    if (!wait.kind && look->blocked && !(look->wait.kind >= WAIT_EPOLL_TIMEOUT && look->wait.kind <= WAIT_POLL_OUTSIDE))
        wait = look->wait;
    wait.stack_id = 0;
    return wait;
}

static void emit_ended(struct account *account, const struct look *look, const struct share *share, account_fn emit,
                       void *userdata)
{
    uint64_t runs = share->stretches + !account->blocked, doubt = 0;

    if (!account->blocked)
        run(account, part(share->on_ns, runs - 1, runs), 0);
    for (uint64_t i = 0; i < share->stretches; i++) {
        struct stretch stretch = {.waits = part(share->ended, i, share->stretches)};

        stretch.runnable_ns = part(share->runnable_ns, i, share->stretches);
        if (account->blocked && i == 0) {
            doubt = account->doubt_ns + minus(minus(look->now, account->seen), share->first_ns);
            stretch.wait = account->wait;
            stretch.blocked_ns = minus(account->seen, wait_begin(account)) + share->first_ns;
        } else {
            doubt = 0;
            stretch.wait = guess(account, look);
            stretch.blocked_ns = part(share->other_ns, i - account->blocked, share->others);
        }
        end_stretch(account, &stretch, doubt, emit, userdata);
        run(account, part(share->on_ns, i, runs), 0);
    }
}

/* After this every reading of the look is attributed. */
static void settle(struct account *account, const struct look *look, account_fn emit, void *userdata)
{
    struct share share = share_out(account, look);

    if (share.stretches)
        emit_ended(account, look, &share, emit, userdata);
    else
        run(account, share.on_ns, share.runnable_ns);
    account->on_cpu_ns = look->on_cpu_ns;
    account->runnable_ns = look->runnable_ns;
    /* Without a switch the count is what it was; with one that ended a wait there is one more, the new wait's. */
    if (look->voluntary_known)
        account->voluntary = look->voluntary;
    else if (switches(account, look) == 1 && account->blocked && look->blocked)
        account->voluntary++;
    else if (switches(account, look))
        account->voluntary_known = false;
    account->voluntary_known = account->voluntary_known || look->voluntary_known;
    account->switch_ins = look->switch_ins;
}

/*
 * The wait in progress is over, and its thread runs. Since when? Of the time that is in no counter some was waited, the
 * rest has run, and is in the counter with the next tick.
 */
static void end_wait(struct account *account, const struct look *look, account_fn emit, void *userdata)
{
    struct stretch stretch = {.waits = 1, .wait = account->wait};
    uint64_t on = minus(look->on_cpu_ns, account->on_cpu_ns), runnable = minus(look->runnable_ns, account->runnable_ns);
    uint64_t unknown = minus(minus(look->now, account->seen), on + runnable);

    stretch.runnable_ns = runnable;
    stretch.blocked_ns = minus(account->seen, wait_begin(account)) + unknown / 2;
    end_stretch(account, &stretch, account->doubt_ns + unknown / 2, emit, userdata);
    run(account, on, 0);
    account->on_cpu_ns = look->on_cpu_ns;
    account->runnable_ns = look->runnable_ns;
    account->switch_ins = look->switch_ins;
    account->blocked = false;
}

void account_look(struct account *account, const struct look *look, account_fn emit, void *userdata)
{
    bool went_on = account->blocked && look->blocked && !switches(account, look);
    uint64_t since_ns = minus(look->now, account->looked);

    account->looked = look->now;
    if (!look->blocked) {
        if (account->blocked && switches(account, look) == 1)
            end_wait(account, look, emit, userdata);
        else if (account->blocked && !account->run_seen && switches(account, look))
            account->run_seen = look->now;
        return;
    }
    settle(account, look, emit, userdata);
    if (!went_on) {
        account->wait = look->wait;
        account->doubt_ns = since_ns;
    }
    account->blocked = true;
    account->seen = look->now;
    account->run_seen = 0;
}

/*
 * The counter of a thread that is on a CPU lags behind by up to a tick; that of the time it waits for one is written
 * when it gets one. So what is missing is either, and more than a tick is no lag.
 */
static struct look caught_up(const struct account *account, const struct look *last)
{
    struct look look = *last;
    uint64_t attributed = minus(last->on_cpu_ns, account->on_cpu_ns) + minus(last->runnable_ns, account->runnable_ns);
    uint64_t missing = minus(minus(last->now, wait_begin(account)), attributed);

    if (account->blocked || last->blocked)
        return look;
    if (last->switch_ins && (missing <= TICK_NS || waits_ended(account, last)))
        look.on_cpu_ns += min_u64(missing, TICK_NS);
    else
        look.runnable_ns += missing;
    return look;
}

void account_close(struct account *account, const struct look *last, account_fn emit, void *userdata)
{
    struct look look = caught_up(account, last);
    struct stretch rest = {.open = true, .wait = account->wait};

    /* It was waiting when it was seen last, and is gone: the wait has ended. */
    if (account->blocked && !look.blocked && !switches(account, &look))
        look.switch_ins = account->switch_ins + 1;
    settle(account, &look, emit, userdata);
    if (look.blocked) {
        rest.blocked_ns = minus(look.now, wait_begin(account));
        rest.waits = 1;
    }
    end_stretch(account, &rest, 0, emit, userdata);
}
