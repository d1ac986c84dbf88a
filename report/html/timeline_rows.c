/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/html/timeline_rows.h"

#include "base/base.h"
#include "probe/measurement.h"

/* What a page holds: some 6 bytes a span, 20 an arrow, 10 a holder. */
#define MOST_ROWS 10000
#define MOST_SPANS 120000
#define MOST_ARROWS 4000
#define MOST_HOLDERS 20000

/* Units a run is counted in at least, where it is long enough: 1 us. */
#define UNITS 4000000

/* Parts of a slice in their order. Preemptions within the CPU time are in runnable_ns, too: they are shown after it. */
enum { PART_ON_CPU, PART_BLOCKED, PART_RUNNABLE, PARTS };

static uint64_t part_ns(const struct slice *slice, int part)
{
    if (part == PART_ON_CPU)
        return slice->on_cpu_ns;
    return part == PART_BLOCKED ? slice->blocked_ns : slice->runnable_ns;
}

static uint32_t part_state(const struct slice *slice, int part)
{
    if (part == PART_ON_CPU)
        return TIMELINE_ON_CPU;
    return part == PART_BLOCKED ? TIMELINE_BLOCKED + (uint32_t)slice->cause : TIMELINE_RUNNABLE;
}

/* Spans of one thread as they are made; with `spans` NULL they are only counted. */
struct maker {
    uint64_t unit_ns, resolution_ns;
    struct timeline_span *spans;
    size_t n;
    uint64_t open_ns[TIMELINE_BLOCKED + CAUSE_COUNT]; /* of the span that is being merged */
    uint64_t open_total_ns;
    uint64_t at_ns;   /* since the thread's birth */
    uint64_t at_unit; /* where the last span ended, in units: rounding does not add up */
};

static void put(struct maker *maker, uint64_t length_ns, uint32_t state)
{
    uint64_t end_unit;

    maker->at_ns += length_ns;
    end_unit = maker->at_ns / maker->unit_ns;
    if (end_unit == maker->at_unit)
        return;
    if (maker->spans)
        maker->spans[maker->n] = (struct timeline_span){(uint32_t)(end_unit - maker->at_unit), state};
    maker->n++;
    maker->at_unit = end_unit;
}

static void close_merged(struct maker *maker)
{
    uint32_t most = 0;

    if (maker->open_total_ns == 0)
        return;
    for (uint32_t state = 1; state < ARRAY_SIZE(maker->open_ns); state++)
        if (maker->open_ns[state] > maker->open_ns[most])
            most = state;
    put(maker, maker->open_total_ns, most);
    memset(maker->open_ns, 0, sizeof(maker->open_ns));
    maker->open_total_ns = 0;
}

static void add_part(struct maker *maker, uint64_t length_ns, uint32_t state)
{
    if (length_ns == 0)
        return;
    if (length_ns >= maker->resolution_ns) {
        close_merged(maker);
        put(maker, length_ns, state);
        return;
    }
    maker->open_ns[state] += length_ns;
    maker->open_total_ns += length_ns;
    if (maker->open_total_ns >= maker->resolution_ns)
        close_merged(maker);
}

/* @return number of spans */
static size_t make_spans(const struct thread *thread, uint64_t unit_ns, uint64_t resolution_ns,
                         struct timeline_span *spans)
{
    struct maker maker = {.unit_ns = unit_ns, .resolution_ns = resolution_ns, .spans = spans};

    for (size_t i = 0; i < thread->n_slices; i++)
        for (int part = 0; part < PARTS; part++)
            add_part(&maker, part_ns(&thread->slices[i], part), part_state(&thread->slices[i], part));
    close_merged(&maker);
    return maker.n;
}

static int by_busy(const void *a, const void *b)
{
    const struct thread *left = ((const struct timeline_row *)a)->thread;
    const struct thread *right = ((const struct timeline_row *)b)->thread;

    if (left->on_cpu_ns != right->on_cpu_ns)
        return left->on_cpu_ns < right->on_cpu_ns ? 1 : -1;
    return left < right ? -1 : left > right;
}

static int by_birth(const void *a, const void *b)
{
    const struct thread *left = ((const struct timeline_row *)a)->thread;
    const struct thread *right = ((const struct timeline_row *)b)->thread;

    if (left->birth_ns != right->birth_ns)
        return left->birth_ns < right->birth_ns ? -1 : 1;
    return left < right ? -1 : left > right;
}

static int choose_rows(const struct measurement *m, struct timeline_rows *t)
{
    t->rows = calloc(m->n_threads + 1, sizeof(*t->rows));
    if (!t->rows)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++)
        t->rows[i].thread = &m->threads[i];
    t->n_rows = m->n_threads;
    if (t->n_rows > MOST_ROWS) {
        qsort(t->rows, t->n_rows, sizeof(*t->rows), by_busy);
        t->n_rows = MOST_ROWS;
    }
    qsort(t->rows, t->n_rows, sizeof(*t->rows), by_birth);
    t->omitted = m->n_threads - t->n_rows + m->loss.threads_omitted;
    return 0;
}

static size_t count_spans(const struct timeline_rows *t, uint64_t resolution_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_rows; i++)
        n += make_spans(t->rows[i].thread, t->unit_ns, resolution_ns, NULL);
    return n;
}

static int fill_rows(struct timeline_rows *t)
{
    for (size_t i = 0; i < t->n_rows; i++) {
        struct timeline_row *row = &t->rows[i];

        row->n_spans = make_spans(row->thread, t->unit_ns, t->resolution_ns, NULL);
        row->spans = calloc(row->n_spans + 1, sizeof(*row->spans));
        if (!row->spans)
            return -ENOMEM;
        (void)make_spans(row->thread, t->unit_ns, t->resolution_ns, row->spans);
    }
    return 0;
}

/* A wait that a thread of the target ended. */
struct wake {
    uint64_t wait_ns, woken_ns, waker_cpu_ns;
    uint32_t row;
    int32_t waker_tid;
    bool interpreter_lock;
};

struct wakes {
    struct wake *items;
    size_t n, capacity;
};

static int collect_wakes(const struct timeline_rows *t, struct wakes *wakes)
{
    for (size_t i = 0; i < t->n_rows; i++) {
        const struct thread *thread = t->rows[i].thread;
        uint64_t at = thread->birth_ns;

        for (size_t k = 0; k < thread->n_slices; k++) {
            const struct slice *slice = &thread->slices[k];

            at += slice->on_cpu_ns + slice->blocked_ns;
            if (slice->waker_tid != 0) {
                if (base_grow(&wakes->items, &wakes->capacity, wakes->n + 1, sizeof(*wakes->items)) < 0)
                    return -ENOMEM;
                wakes->items[wakes->n++] =
                    (struct wake){slice->blocked_ns,      at,
                                  slice->waker_on_cpu_ns, (uint32_t)i,
                                  slice->waker_tid,       slice->cause == CAUSE_INTERPRETER_LOCK};
            }
            at += slice->runnable_ns;
        }
    }
    return 0;
}

static int by_wait(const void *a, const void *b)
{
    const struct wake *left = a, *right = b;

    return left->wait_ns < right->wait_ns ? 1 : left->wait_ns > right->wait_ns ? -1 : 0;
}

static int by_woken(const void *a, const void *b)
{
    const struct wake *left = a, *right = b;

    return left->woken_ns < right->woken_ns ? -1 : left->woken_ns > right->woken_ns;
}

/* Row of the thread with that number which was there at that time; numbers are reused. @return n_rows: none */
static size_t row_of(const struct timeline_rows *t, int32_t tid, uint64_t at_ns)
{
    for (size_t i = t->n_rows; i-- > 0;)
        if (t->rows[i].thread->tid == tid && t->rows[i].thread->birth_ns <= at_ns)
            return i;
    return t->n_rows;
}

/* When it had used up that much CPU time; the end of a slice's CPU part where it was on its way to wait. */
static uint64_t time_at_cpu(const struct thread *thread, uint64_t cpu_ns)
{
    uint64_t at = thread->birth_ns, cpu = 0;

    for (size_t i = 0; i < thread->n_slices; i++) {
        const struct slice *slice = &thread->slices[i];

        if (cpu + slice->on_cpu_ns >= cpu_ns)
            return at + (cpu_ns - cpu);
        at += slice->on_cpu_ns + slice->blocked_ns + slice->runnable_ns;
        cpu += slice->on_cpu_ns;
    }
    return at;
}

/* The longest waits: an arrow each. */
static int add_arrows(struct timeline_rows *t, struct wakes *wakes)
{
    size_t most = wakes->n < MOST_ARROWS ? wakes->n : MOST_ARROWS;

    if (wakes->n > 0) /* an empty list has no items to point to */
        qsort(wakes->items, wakes->n, sizeof(*wakes->items), by_wait);
    t->arrows_left_out = wakes->n - most;
    t->arrows = calloc(most + 1, sizeof(*t->arrows));
    if (!t->arrows)
        return -ENOMEM;
    for (size_t i = 0; i < most; i++) {
        const struct wake *wake = &wakes->items[i];
        size_t from = row_of(t, wake->waker_tid, wake->woken_ns);
        uint64_t from_ns = from < t->n_rows ? time_at_cpu(t->rows[from].thread, wake->waker_cpu_ns) : UINT64_MAX;

        if (from_ns > wake->woken_ns)
            continue;
        t->arrows[t->n_arrows++] = (struct timeline_arrow){(uint32_t)from, wake->row, (uint32_t)(from_ns / t->unit_ns),
                                                           (uint32_t)(wake->woken_ns / t->unit_ns)};
    }
    return 0;
}

static int32_t process_with_most_lock_waits(const struct measurement *m)
{
    uint64_t most = 0;
    int32_t pid = 0;

    for (size_t i = 0; i < m->n_locks; i++) {
        if (m->locks[i].cause != CAUSE_INTERPRETER_LOCK || m->locks[i].wait_ns <= most)
            continue;
        most = m->locks[i].wait_ns;
        pid = m->locks[i].pid;
    }
    return pid;
}

/* Whoever has waited for the interpreter lock holds it then, until the next one's wait ends. */
static int add_holders(const struct measurement *m, struct timeline_rows *t, struct wakes *wakes)
{
    size_t waits = 0, step, seen = 0;

    t->holders_pid = process_with_most_lock_waits(m);
    if (t->holders_pid == 0 || !wakes->n)
        return 0;
    qsort(wakes->items, wakes->n, sizeof(*wakes->items), by_woken);
    for (size_t i = 0; i < wakes->n; i++)
        waits += wakes->items[i].interpreter_lock && t->rows[wakes->items[i].row].thread->pid == t->holders_pid;
    step = waits / MOST_HOLDERS + 1;
    t->holders = calloc(waits / step + 2, sizeof(*t->holders));
    if (!t->holders)
        return -ENOMEM;
    for (size_t i = 0; i < wakes->n; i++) {
        const struct wake *wake = &wakes->items[i];

        if (!wake->interpreter_lock || t->rows[wake->row].thread->pid != t->holders_pid || seen++ % step != 0)
            continue;
        t->holders[t->n_holders++] = (struct timeline_holder){wake->row, (uint32_t)(wake->woken_ns / t->unit_ns)};
    }
    return 0;
}

int timeline_rows_make(const struct measurement *m, struct timeline_rows *ret)
{
    struct timeline_rows t = {.unit_ns = NSEC_PER_USEC};
    struct wakes wakes = {0};
    int r = choose_rows(m, &t);

    if (m->wall_ns / UNITS > t.unit_ns)
        t.unit_ns = m->wall_ns / UNITS;
    if (r == 0 && count_spans(&t, 0) > MOST_SPANS) {
        t.resolution_ns = m->wall_ns / 65536 + 1;
        while (count_spans(&t, t.resolution_ns) > MOST_SPANS && t.resolution_ns < m->wall_ns)
            t.resolution_ns *= 2;
    }
    if (r == 0)
        r = fill_rows(&t);
    if (r == 0)
        r = collect_wakes(&t, &wakes);
    if (r == 0)
        r = add_holders(m, &t, &wakes);
    if (r == 0)
        r = add_arrows(&t, &wakes);
    free(wakes.items);
    if (r < 0) {
        timeline_rows_clear(&t);
        return r;
    }
    *ret = t;
    return 0;
}

void timeline_rows_clear(struct timeline_rows *rows)
{
    for (size_t i = 0; rows->rows && i < rows->n_rows; i++)
        free(rows->rows[i].spans);
    free(rows->rows);
    free(rows->arrows);
    free(rows->holders);
    *rows = (struct timeline_rows){0};
}
