/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Critical sections. Nobody sees a lock taken that was free; what is seen is who waited for it and who ended that wait.
 * A section lies between the end of a lane's own wait and the moment it ended another's. Where only one of the two is
 * known, the other is placed by the median of the sections known whole.
 */
#include "analyzer/profile/profile_locks.h"

#include "analyzer/profile/profile_marks.h"
#include "base/base.h"

#define LOST_RACE_NS (10 * NSEC_PER_USEC) /* woken, and waiting again after less CPU: another one took the lock */
#define ENOUGH_SECTIONS 5                 /* known whole, before other waits are taken for the same */

/* A critical section of a lane, in the lane's time. */
struct section {
    size_t lane;
    uint64_t begin_ns, end_ns;
    bool begin_known, end_known;
    uint16_t lock;
};

static int compare_sections(const void *a, const void *b)
{
    const struct section *x = a, *y = b;

    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    if (x->begin_known != y->begin_known) /* an end at the moment of a begin is the end of what was before */
        return x->begin_known ? 1 : -1;
    return (x->lock > y->lock) - (x->lock < y->lock);
}

struct sections {
    struct section *list;
    size_t n, capacity;
};

static int push_section(struct sections *sections, struct section section)
{
    if (base_grow(&sections->list, &sections->capacity, sections->n + 1, sizeof(*sections->list)) < 0)
        return -ENOMEM;
    sections->list[sections->n++] = section;
    return 0;
}

/* Ends of own waits begin sections, ends of others' waits end them. */
static int find_edges(const struct work_lanes *lanes, const struct mutex *mutex, uint16_t lock,
                      struct sections *sections)
{
    for (size_t i = 0; i < mutex->n; i++) {
        const struct mutex_wait *q = &mutex->list[i], *next = i + 1 < mutex->n ? q + 1 : NULL;
        const struct pieces *pieces = &lanes->list[q->lane].pieces;
        bool lost_race = next && next->lane == q->lane && next->piece == q->piece + 1 &&
                         pieces->list[next->piece].cpu_ns < LOST_RACE_NS;
        int r = 0;

        if (pieces->exact && q->piece + 1 < pieces->count && !lost_race) {
            uint64_t at_ns = pieces->list[q->piece + 1].start_ns;

            r = push_section(sections, (struct section){q->lane, at_ns, at_ns, true, false, lock});
        }
        if (r == 0 && q->release_ns)
            r = push_section(sections, (struct section){q->waker, q->release_ns, q->release_ns, false, true, lock});
        if (r < 0)
            return r;
    }
    return 0;
}

/* Join each begin with the end that follows it. `list` holds the edges of one mutex; @return how many are left */
static size_t join_edges(struct section *list, size_t n)
{
    size_t kept = 0;

    qsort(list, n, sizeof(*list), compare_sections);
    for (size_t i = 0; i < n; i++) {
        struct section *last = kept && list[kept - 1].lane == list[i].lane ? &list[kept - 1] : NULL;

        if (list[i].end_known && last && last->begin_known && !last->end_known) {
            last->end_ns = list[i].end_ns;
            last->end_known = true;
        } else if (!(list[i].end_known && last && last->end_known && list[i].end_ns - last->end_ns < LOST_RACE_NS)) {
            list[kept++] = list[i]; /* but two woken at once are one end */
        }
    }
    return kept;
}

static bool has_wait(const struct work_lanes *lanes, const struct section *s)
{
    for (struct piece_at at = pieces_seek(&lanes->list[s->lane].pieces, s->begin_ns);
         at.piece && at.wait_ns < s->end_ns; at = pieces_next(&at))
        if (piece_waits_outside(at.piece) && at.piece->wait_ns && at.wait_ns >= s->begin_ns)
            return true;
    return false;
}

/*
 * A lane that let the mutex go while nobody wanted it, and took and left it again later, looks as if it had held it all
 * the time. Where most sections have no wait outside in them, those that do are taken apart again.
 */
static int part_doubtful(const struct work_lanes *lanes, struct sections *sections, size_t first)
{
    size_t n = sections->n, whole = 0, with_wait = 0;

    for (size_t i = first; i < n; i++) {
        bool known = sections->list[i].begin_known && sections->list[i].end_known;

        whole += known;
        with_wait += known && has_wait(lanes, &sections->list[i]);
    }
    if (!with_wait || with_wait * 4 >= whole * 3)
        return 0;
    for (size_t i = first; i < n; i++) {
        struct section end = sections->list[i];

        if (!end.begin_known || !end.end_known || !has_wait(lanes, &end))
            continue;
        sections->list[i].end_ns = end.begin_ns;
        sections->list[i].end_known = false;
        end.begin_ns = end.end_ns;
        end.begin_known = false;
        if (push_section(sections, end) < 0)
            return -ENOMEM;
    }
    qsort(sections->list + first, sections->n - first, sizeof(*sections->list), compare_sections);
    return 0;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* What a section known whole looks like. */
static int learn(const struct work_lanes *lanes, struct mutex *mutex, const struct section *list, size_t n)
{
    AUTO_FREE uint64_t *lengths = calloc(n + 1, sizeof(*lengths));
    uint64_t waits = 0, wait_ns = 0, after_ns = 0;
    size_t whole = 0;

    if (!lengths)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct piece_at at;

        if (!list[i].begin_known || !list[i].end_known)
            continue;
        lengths[whole++] = list[i].end_ns - list[i].begin_ns;
        for (at = pieces_seek(&lanes->list[list[i].lane].pieces, list[i].begin_ns);
             at.piece && at.wait_ns < list[i].end_ns; at = pieces_next(&at)) {
            if (!piece_waits_outside(at.piece) || !at.piece->wait_ns || at.wait_ns < list[i].begin_ns)
                continue;
            waits++;
            wait_ns += at.piece->wait_ns;
            after_ns += at.wait_ns - list[i].begin_ns;
            mutex->wait_cause = at.piece->cause;
        }
    }
    if (!whole)
        return 0;
    qsort(lengths, whole, sizeof(*lengths), compare_u64);
    mutex->held_ns = lengths[whole / 2];
    if (waits >= ENOUGH_SECTIONS && waits * 4 >= whole * 3 && waits * 4 <= whole * 5) {
        mutex->wait_ns = wait_ns / waits;
        mutex->wait_after_ns = after_ns / waits;
    }
    return 0;
}

/* The wait outside that a lane is in at that time; NULL: none. */
static const struct piece *wait_around(const struct work_lanes *lanes, size_t lane, uint64_t at_ns)
{
    struct piece_at at = pieces_seek(&lanes->list[lane].pieces, at_ns);

    return at.piece && piece_waits_outside(at.piece) && at.wait_ns < at_ns ? at.piece : NULL;
}

/*
 * Give sections with one end known a second one, not beyond their neighbours. A wait is within a section or outside of
 * it, however long it was this time.
 */
static void place_ends(const struct work_lanes *lanes, const struct mutex *mutex, struct section *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct section *before = i && list[i - 1].lane == list[i].lane ? &list[i - 1] : NULL;
        const struct section *after = i + 1 < n && list[i + 1].lane == list[i].lane ? &list[i + 1] : NULL;

        if (!list[i].begin_known) {
            const struct piece *wait;

            list[i].begin_ns = list[i].end_ns > mutex->held_ns ? list[i].end_ns - mutex->held_ns : 0;
            wait = wait_around(lanes, list[i].lane, list[i].begin_ns);
            if (wait)
                list[i].begin_ns = wait->start_ns + wait->cpu_ns -
                                   (mutex->wait_after_ns < wait->cpu_ns ? mutex->wait_after_ns : wait->cpu_ns);
            if (before && list[i].begin_ns < before->end_ns)
                list[i].begin_ns = before->end_ns;
        }
        if (!list[i].end_known) {
            uint64_t limit_ns = !after ? UINT64_MAX : after->begin_known ? after->begin_ns : after->end_ns;

            const struct piece *wait = wait_around(lanes, list[i].lane, list[i].begin_ns + mutex->held_ns);

            list[i].end_ns = wait ? wait->start_ns + wait->cpu_ns + wait->wait_ns : list[i].begin_ns + mutex->held_ns;
            if (list[i].end_ns > limit_ns)
                list[i].end_ns = limit_ns;
        }
    }
}

static bool alike(uint64_t a, uint64_t b)
{
    return a * 4 >= b * 3 && b * 4 >= a * 3;
}

/*
 * A lane that finds the mutex free leaves no trace. Where its sections have a wait of a kind that hardly occurs outside
 * of them, all such waits are taken for sections. `list` is sorted; appended sections are not.
 */
static int add_unseen(const struct work_lanes *lanes, const struct mutex *mutex, uint16_t lock,
                      struct sections *sections, size_t first)
{
    size_t seen = sections->n - first, at = first, added = sections->n;

    if (!mutex->wait_ns)
        return 0;
    for (size_t i = 0; i < lanes->count; i++) {
        if (!mutex_waits_here(mutex->list, mutex->n, i))
            continue;
        while (at < added && sections->list[at].lane < i)
            at++;
        for (struct piece_at p = pieces_seek(&lanes->list[i].pieces, 0); p.piece; p = pieces_next(&p)) {
            uint64_t begin_ns = p.wait_ns > mutex->wait_after_ns ? p.wait_ns - mutex->wait_after_ns : 0;

            if (p.piece->cause != mutex->wait_cause || !alike(p.piece->wait_ns, mutex->wait_ns))
                continue;
            while (at < added && sections->list[at].lane == i && sections->list[at].end_ns <= p.wait_ns)
                at++;
            if (at < added && sections->list[at].lane == i && sections->list[at].begin_ns <= p.wait_ns)
                continue;
            if (push_section(sections, (struct section){i, begin_ns, begin_ns + mutex->held_ns, true, true, lock}) < 0)
                return -ENOMEM;
        }
    }
    /* As many outside as inside: they are of another kind after all. */
    if ((sections->n - added) * 2 > seen)
        sections->n = added;
    return 0;
}

/* No part of a lane's time is in two sections: the one that began first keeps it. */
static size_t part_sections(struct section *list, size_t n)
{
    size_t kept = 0;

    qsort(list, n, sizeof(*list), compare_sections);
    for (size_t i = 0; i < n; i++) {
        struct section s = list[i];

        if (kept && list[kept - 1].lane == s.lane && s.begin_ns < list[kept - 1].end_ns)
            s.begin_ns = list[kept - 1].end_ns;
        if (s.begin_ns < s.end_ns)
            list[kept++] = s;
    }
    return kept;
}

/* Split the lanes' pieces where sections begin and end. */
static int mark_sections(struct work_lanes *lanes, const struct section *list, size_t n, struct mutex *mutexes)
{
    AUTO_FREE struct piece_mark *marks = calloc(2 * n + 1, sizeof(*marks));

    if (!marks)
        return -ENOMEM;
    for (size_t first = 0, end; first < n; first = end) {
        struct pieces *pieces = &lanes->list[list[first].lane].pieces;
        size_t n_marks = 0;
        int r;

        for (end = first; end < n && list[end].lane == list[first].lane; end++) {
            marks[n_marks++] = (struct piece_mark){.at_ns = list[end].begin_ns, .lock = list[end].lock};
            marks[n_marks++] = (struct piece_mark){.at_ns = list[end].end_ns};
            mutexes[list[end].lock - 1].sections_held_ns += list[end].end_ns - list[end].begin_ns;
        }
        r = pieces_apply_marks(pieces, marks, n_marks);
        if (r < 0)
            return r;
        for (size_t k = 0; k < pieces->count; k++) {
            const struct piece *piece = &pieces->list[k];
            uint64_t wait_ns = piece_waits_outside(piece) ? piece->wait_ns : 0;

            if (!piece->lock)
                continue;
            mutexes[piece->lock - 1].sections_ns += piece->cpu_ns + wait_ns;
            mutexes[piece->lock - 1].sections_waits_ns += wait_ns;
        }
    }
    return 0;
}

int mutexes_find_sections(struct work_lanes *lanes, struct mutex *mutexes, size_t n_mutexes)
{
    AUTO_FREE struct section *list = NULL;
    struct sections sections = {0};
    int r = 0;

    for (size_t i = 0; i < n_mutexes && r == 0; i++) {
        size_t first = sections.n;
        uint16_t lock = (uint16_t)(i + 1);

        r = find_edges(lanes, &mutexes[i], lock, &sections);
        if (r == 0 && sections.n > first) {
            sections.n = first + join_edges(sections.list + first, sections.n - first);
            r = part_doubtful(lanes, &sections, first);
            if (r == 0)
                r = learn(lanes, &mutexes[i], sections.list + first, sections.n - first);
        }
        if (!mutexes[i].held_ns)
            sections.n = first;
        if (r == 0 && sections.n > first) {
            place_ends(lanes, &mutexes[i], sections.list + first, sections.n - first);
            r = add_unseen(lanes, &mutexes[i], lock, &sections, first);
        }
    }
    list = sections.list;
    if (r == 0 && sections.n) {
        sections.n = part_sections(list, sections.n);
        r = mark_sections(lanes, list, sections.n, mutexes);
    }
    return r;
}
