/* SPDX-License-Identifier: BSD-2-Clause */
/* Who and where, in words: places, holders of locks, stalls of event loops. */
#include "analyzer/findings/detect.h"

#define FUNCTION_MAX 80
#define FILE_MAX 60
#define HOLDER_WORTH 0.1 /* of the waits: one of many holders is not the holder */
#define HOLDERS_MAX 256  /* largest first: the rest is crumbs */

static bool has_name(const struct frame *frame)
{
    return strcmp(frame->function, "?") != 0;
}

static const struct frame *telling_frame(const struct frame *frames, size_t n)
{
    const struct frame *own = advice_program_frame_in(frames, n);

    /* A library's function still tells something (PQexec); the C library's does not. */
    for (size_t i = 0; i < n && !own; i++)
        if (has_name(&frames[i]) && !(frames[i].module && advice_is_c_library(frames[i].module)))
            own = &frames[i];
    return own;
}

static const char *frame_words(const struct frame *frame, char buffer[static FINDING_PLACE])
{
    int n = snprintf(buffer, FINDING_PLACE, "%.*s()", FUNCTION_MAX, frame->function);

    if (frame->file && frame->line > 0)
        (void)snprintf(buffer + n, (size_t)(FINDING_PLACE - n), " at %.*s:%u", FILE_MAX, base_last_part(frame->file),
                       frame->line);
    return buffer;
}

const char *finding_place(const struct frame *frames, size_t n, char buffer[static FINDING_PLACE])
{
    const struct frame *frame = telling_frame(frames, n);

    buffer[0] = '\0';
    return frame ? frame_words(frame, buffer) : buffer;
}

const struct frame *finding_coroutine(const struct site *site)
{
    for (size_t i = 0; i < site->n_frames; i++)
        if (site->frames[i].coroutine)
            return &site->frames[i];
    return NULL;
}

const struct site *finding_largest(const struct measurement *m, bool (*want)(const struct site *site))
{
    for (size_t i = 0; i < m->n_sites; i++)
        if (want(&m->sites[i]) && telling_frame(m->sites[i].frames, m->sites[i].n_frames))
            return &m->sites[i];
    return NULL;
}

static bool same_place(const struct frame *a, const struct frame *b)
{
    if (!a || !b || strcmp(a->function, b->function) != 0 || !a->file != !b->file)
        return false;
    return !a->file || strcmp(a->file, b->file) == 0;
}

/* The function that held it longest while others waited, over all its lines. @return false: nobody was seen */
static bool held(const struct measurement *m, enum cause cause, char place[static FINDING_PLACE], double *ret_share)
{
    uint64_t best_ns = 0, all_ns = 0;
    size_t best = 0, n = m->n_holders < HOLDERS_MAX ? m->n_holders : HOLDERS_MAX;

    for (size_t i = 0; i < n; i++) {
        const struct site *holder = &m->holders[i];
        const struct frame *frame = telling_frame(holder->frames, holder->n_frames);
        uint64_t sum_ns = holder->time_ns;

        if (holder->cause != cause)
            continue;
        all_ns += holder->time_ns;
        for (size_t k = i + 1; frame && k < n; k++)
            if (m->holders[k].cause == cause &&
                same_place(frame, telling_frame(m->holders[k].frames, m->holders[k].n_frames)))
                sum_ns += m->holders[k].time_ns;
        if (sum_ns > best_ns) {
            best_ns = sum_ns;
            best = i;
        }
    }
    if (best_ns == 0)
        return false;
    *ret_share = (double)best_ns / (double)all_ns;
    if (finding_place(m->holders[best].frames, m->holders[best].n_frames, place)[0])
        return true;
    if (m->holders[best].tid != 0)
        (void)snprintf(place, FINDING_PLACE, "thread %d", m->holders[best].tid);
    return place[0] != '\0';
}

/* Who ended most of the waits: the one who let go. */
static bool let_go(const struct measurement *m, enum cause cause, char place[static FINDING_PLACE], double *ret_share)
{
    const struct waker *best = NULL;
    uint64_t all_ns = 0;

    for (size_t i = 0; i < m->n_wakers; i++) {
        const struct waker *waker = &m->wakers[i];

        if (waker->cause != cause)
            continue;
        all_ns += waker->time_ns;
        if (telling_frame(waker->waker_frames, waker->n_waker_frames) && (!best || waker->time_ns > best->time_ns))
            best = waker;
    }
    if (!best || all_ns == 0)
        return false;
    *ret_share = (double)best->time_ns / (double)all_ns;
    return finding_place(best->waker_frames, best->n_waker_frames, place)[0] != '\0';
}

const char *finding_held_by(const struct finding_context *c, enum cause cause, char buffer[static FINDING_HELD])
{
    char place[FINDING_PLACE], text[WORDS_NUMBER];
    const char *how = "held by";
    double share = 0.0;
    bool known = held(c->m, cause, place, &share);

    buffer[0] = '\0';
    if (!known) {
        how = "let go by";
        known = let_go(c->m, cause, place, &share);
    }
    known = known && share >= HOLDER_WORTH;
    if (known && share < 0.95)
        (void)snprintf(buffer, FINDING_HELD, "; %s %s for %s of it", how, place, words_share(share, text));
    else if (known)
        (void)snprintf(buffer, FINDING_HELD, "; %s %s", how, place);
    return buffer;
}

const char *finding_start(double share, uint64_t measured_ns, char buffer[static FINDING_START])
{
    char part[WORDS_NUMBER], each[WORDS_NUMBER];
    int n = snprintf(buffer, FINDING_START, "; starting them takes about %s of the time", words_share(share, part));

    if (measured_ns > 0)
        (void)snprintf(buffer + n, (size_t)(FINDING_START - n), ", %s each here", words_ns((double)measured_ns, each));
    return buffer;
}

/* Only futexes that are mutexes: what an interpreter's lock objects wait on can't be told from a queue's by address. */
static bool is_lock(const struct lock_site *lock)
{
    return lock->waiters >= 2 && lock->cause == CAUSE_LOCK;
}

const char *finding_locks(const struct finding_context *c, char buffer[static FINDING_LOCKS])
{
    uint64_t all_ns = 0, hottest_ns = 0;
    char text[WORDS_NUMBER];
    unsigned n = 0;
    double share;

    for (size_t i = 0; i < c->m->n_locks; i++) {
        const struct lock_site *lock = &c->m->locks[i];

        if (!is_lock(lock))
            continue;
        n++;
        all_ns += lock->wait_ns;
        hottest_ns = lock->wait_ns > hottest_ns ? lock->wait_ns : hottest_ns;
    }
    buffer[0] = '\0';
    if (n == 0 || all_ns == 0)
        return buffer;
    share = (double)hottest_ns / (double)all_ns;
    if (n == 1 || share >= 0.95)
        (void)snprintf(buffer, FINDING_LOCKS, "; one lock takes %s of it", words_share(share, text));
    else
        (void)snprintf(buffer, FINDING_LOCKS, "; %u locks, the hottest takes %s of it", n, words_share(share, text));
    return buffer;
}

const char *finding_stall(const struct finding_context *c, char buffer[static FINDING_STALL])
{
    uint64_t longest_ns = 0, stalls = 0, stall_ns = 0;
    char longest[WORDS_NUMBER], limit[WORDS_NUMBER], sum[WORDS_NUMBER];
    int n;

    for (size_t i = 0; i < c->m->n_loops; i++) {
        const struct event_loop *loop = &c->m->loops[i];

        longest_ns = loop->longest_stall_ns > longest_ns ? loop->longest_stall_ns : longest_ns;
        stalls += loop->stalls;
        stall_ns += loop->stall_ns;
    }
    buffer[0] = '\0';
    if (longest_ns == 0)
        return buffer;
    n = snprintf(buffer, FINDING_STALL, "; longest stall %s", words_ns((double)longest_ns, longest));
    if (stalls > 1)
        (void)snprintf(buffer + n, (size_t)(FINDING_STALL - n), "; %llu of %s and more, %s in all",
                       (unsigned long long)stalls, words_ns((double)EVENT_LOOP_STALL_NS, limit),
                       words_ns((double)stall_ns, sum));
    return buffer;
}
