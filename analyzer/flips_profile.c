/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/flips_profile.h"

#include <math.h>

#include "analyzer/forecast.h"
#include "base/base.h"

#define MOST_STEPS TABLE_SIZE(128, 16)
#define FEWEST_ITEMS TABLE_SIZE(64, 8)

/* The step among to[first..n_to) of the same kind; NULL: none. */
static struct profile_step *same_kind(struct profile_step *to, size_t first, size_t n_to,
                                      const struct profile_step *step)
{
    for (size_t i = first; i < n_to; i++)
        if (to[i].lock == step->lock && to[i].stage == step->stage)
            return &to[i];
    return NULL;
}

/* Of each `most` steps those of one kind become one: also where a lock is taken and left in turns. */
static size_t merge_steps(const struct profile_step *from, size_t n, size_t most, struct profile_step *to)
{
    size_t n_to = 0, first = 0;

    for (size_t i = 0; i < n; i++) {
        struct profile_step *same;

        if (i % most == 0)
            first = n_to;
        same = same_kind(to, first, n_to, &from[i]);
        if (!same) {
            to[n_to++] = from[i];
            continue;
        }
        same->locked_cpu_ns += from[i].locked_cpu_ns;
        same->free_cpu_ns += from[i].free_cpu_ns;
        same->wait_ns += from[i].wait_ns;
    }
    return n_to;
}

static void thin_items(const struct profile *p, struct flips_profile *thin)
{
    size_t every = (size_t)thin->every, kept = (p->n_items + every - 1) / every;
    size_t most = (p->n_steps / every + MOST_STEPS) / MOST_STEPS;

    thin->profile.items = thin->items;
    thin->profile.steps = thin->steps;
    thin->profile.n_steps = 0;
    thin->profile.n_items = kept;
    for (size_t i = 0; i < kept; i++) {
        const struct profile_item *from = &p->items[i * every];
        size_t n = merge_steps(&p->steps[from->first_step], from->n_steps, most, &thin->steps[thin->profile.n_steps]);

        thin->items[i] = *from;
        thin->items[i].first_step = thin->profile.n_steps;
        thin->items[i].n_steps = n;
        thin->profile.n_steps += n;
    }
}

static uint64_t divided(uint64_t ns, double by)
{
    return (uint64_t)((double)ns / by);
}

int flips_profile_thin(const struct forecast *f, struct flips_profile *thin)
{
    const struct profile *p = f->profile;

    /* Few items are all kept, long as they may be: how many there are is what decides. */
    thin->every = fmax(1.0, fmin(ceil((double)p->n_steps / MOST_STEPS), floor((double)p->n_items / FEWEST_ITEMS)));
    thin->profile = *p;
    thin->costs = f->costs;
    thin->items = calloc(p->n_items + 1, sizeof(*thin->items));
    thin->steps = calloc(p->n_steps + 1, sizeof(*thin->steps));
    thin->phases = calloc(p->n_phases + 1, sizeof(*thin->phases));
    if (!thin->items || !thin->steps || !thin->phases)
        return -ENOMEM;
    thin_items(p, thin);
    for (uint32_t i = 0; i < p->n_phases; i++)
        thin->phases[i] = (struct profile_phase){.serial_ns = divided(p->phases[i].serial_ns, thin->every),
                                                 .serial_cpu_ns = divided(p->phases[i].serial_cpu_ns, thin->every)};
    thin->profile.phases = thin->phases;
    thin->profile.head_ns = divided(p->head_ns, thin->every);
    thin->profile.tail_ns = divided(p->tail_ns, thin->every);
    thin->profile.serial_cpu_ns = divided(p->serial_cpu_ns, thin->every);
    thin->costs.process_start_ns = divided(thin->costs.process_start_ns, thin->every);
    thin->costs.thread_start_ns = divided(thin->costs.thread_start_ns, thin->every);
    return 0;
}

void flips_profile_clear(struct flips_profile *thin)
{
    free(thin->items);
    free(thin->steps);
    free(thin->phases);
    *thin = (struct flips_profile){0};
}
