/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * account: one thread's account, kept from looks at its counters instead of from its switches.
 *
 * The kernel's counters say exactly how long a thread was on a CPU and how long it waited for one, so only the blocked
 * time is in between, and that is exact, too: what is left of the time that passed. What looks can't tell is how it
 * was spread over the waits that began and ended between two of them. Those get equal parts, and the kinds of the waits
 * seen before and after: a wait is seen in proportion to its length, so that is right on the average. Pure: knows no
 * files and no clock.
 */

#include <stdbool.h>
#include <stdint.h>

/* What a wait is for, as far as a look tells. */
struct sampled_wait {
    uint16_t kind;       /* enum wait_kind (probe/bpf/abi.h) */
    uint64_t address;    /* futex word or epoll descriptor; 0: none */
    uint64_t timeout_ns; /* after which it ends by itself; 0: never, or not known */
    uint32_t stack_id;   /* of the stack that was taken of it; 0: none */
};

/* One look at a thread. */
struct look {
    uint64_t now; /* CLOCK_MONOTONIC, just before the counters were read */
    uint64_t on_cpu_ns;
    uint64_t runnable_ns;
    uint64_t switch_ins;
    bool voluntary_known;
    uint64_t voluntary; /* switches out of its own will, the one into the wait in progress included */
    bool blocked;
    struct sampled_wait wait; /* when blocked */
};

/* A stretch on CPU and the wait after it, as struct record has it. */
struct stretch {
    uint64_t time; /* switch-in after the wait */
    uint64_t on_cpu_ns;
    uint64_t runnable_ns;
    uint64_t blocked_ns;
    uint64_t waits; /* that it stands for: more than one where there were too many to tell of each; 0: no wait at all */
    bool timed_out;
    bool open; /* measuring ends before the wait does */
    struct sampled_wait wait;
};

typedef void (*account_fn)(const struct stretch *stretch, void *userdata);

struct account {
    uint64_t birth;
    uint64_t mark; /* all time before is attributed, but for the wait in progress */
    uint64_t on_cpu_ns, runnable_ns, switch_ins, voluntary; /* of the kernel's counters, attributed so far */
    bool voluntary_known;
    bool blocked;
    struct sampled_wait wait;                    /* in progress, or the last one */
    uint64_t seen;                               /* last look that found the wait in progress going on */
    uint64_t run_seen;                           /* first look that found it over; 0: none yet */
    uint64_t looked;                             /* last look of all */
    uint64_t doubt_ns;                           /* the wait in progress may have begun earlier by so much */
    uint64_t stretch_on_ns, stretch_runnable_ns; /* of the stretch in progress */
    uint64_t sum_on_ns, sum_runnable_ns;         /* of its life, as far as settled */
};

/* Most stretches that one pair of looks makes: further waits go into these. */
#define ACCOUNT_STRETCHES 128

/*
 * A thread that began to run, or to wait for a CPU, at `birth`, with these readings of its counters.
 */
void account_init(struct account *account, uint64_t birth, uint64_t on_cpu_ns, uint64_t runnable_ns,
                  uint64_t switch_ins, uint64_t voluntary);

/* Does settling this look need to know the voluntary switches? (They cost more to read.) */
bool account_is_ambiguous(const struct account *account, const struct look *look);

/*
 * Take a look in. A thread found on a CPU is not settled: its counters lag behind by up to a tick.
 * @param emit  called for each wait that is over
 */
void account_look(struct account *account, const struct look *look, account_fn emit, void *userdata);

/*
 * The thread is gone (blocked: false), or measuring ends.
 * @param last  the last readings that there are, with `now` the time of the end
 */
void account_close(struct account *account, const struct look *last, account_fn emit, void *userdata);
