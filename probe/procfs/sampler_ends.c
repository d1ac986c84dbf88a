/* SPDX-License-Identifier: BSD-2-Clause */

/* Ends of threads: what can be known of their last moments, and their accounts. */

#include <time.h>

#include "base/base.h"
#include "probe/procfs/sampler_parts.h"

/* CPU time of a process, all its threads that ever were. @return false: it is gone, and nobody looked before */
static bool cpu_of(struct sampler *s, const struct sampler_process *process, uint64_t *ret_ns, uint64_t *ret_died)
{
    struct timespec time;
    bool found = false;
    clockid_t clock;

    if (clock_getcpuclockid((pid_t)process->pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
        *ret_ns = (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
        return true;
    }
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < LAST_WORDS && i < s->n_words; i++) {
        if (s->words[i].pid != process->pid || s->words[i].time < process->born)
            continue;
        *ret_ns = s->words[i].cpu_ns;
        *ret_died = s->words[i].time;
        found = *ret_ns > 0;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return found;
}

/*
 * Of a process that its parent has reaped nothing is left to be known: it ends where it was seen last. What it did
 * after that shows in its parent's sums.
 */
int sampler_lose_thread(struct sampler *s, size_t index, uint64_t now)
{
    const struct sampler_thread *t = s->threads[index];
    struct sampler_process *process = t->process;
    uint64_t cpu_ns, died = 0, others = process->closed_on_cpu_ns, most = now - t->last.now;
    struct look last = t->last;

    last.blocked = false;
    process->lost = true;
    if (cpu_of(s, process, &cpu_ns, &died)) {
        last.now += most / 2;
        for (size_t i = 0; i < s->n_threads; i++)
            if (s->threads[i]->process == process)
                others += s->threads[i]->last.on_cpu_ns;
        if (died > t->last.now && died <= now)
            last.now = died;
        cpu_ns = cpu_ns > others ? cpu_ns - others : 0;
        last.on_cpu_ns += cpu_ns < most ? cpu_ns : most;
        if (last.now < t->last.now + (last.on_cpu_ns - t->last.on_cpu_ns))
            last.now = t->last.now + (last.on_cpu_ns - t->last.on_cpu_ns);
    }
    return sampler_close_thread(s, index, &last, false);
}

static void add_to_grave(struct grave *grave, const struct slot *slot)
{
    grave->threads++;
    grave->lifetime_ns += slot->death - slot->birth;
    grave->on_cpu_ns += slot->on_cpu_ns;
    grave->runnable_ns += slot->runnable_ns;
    grave->voluntary += slot->voluntary;
    grave->involuntary += slot->involuntary;
    for (size_t kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        grave->blocked_ns[kind] += slot->blocked_ns[kind];
        grave->blocked_count[kind] += slot->blocked_count[kind];
    }
}

int sampler_close_thread(struct sampler *s, size_t index, const struct look *last, bool alive)
{
    struct sampler_thread *t = s->threads[index];
    struct stretch_target target = {s, t, 0};
    struct slot *slot = &t->slot;
    struct look end = *last;
    uint64_t switches;
    int r;

    /* It can't be read any more; a thread that computed all the time since then was preempted, if anything. */
    if (!end.voluntary_known && t->voluntary.voluntary_known && t->voluntary.switch_ins >= t->account.switch_ins) {
        end.voluntary_known = true;
        end.voluntary = t->voluntary.voluntary;
    }
    account_close(&t->account, &end, sampler_stretch, &target);
    slot->birth = t->account.birth;
    slot->death = alive ? 0 : t->account.mark;
    slot->on_cpu_ns = t->account.sum_on_ns;
    slot->runnable_ns = t->account.sum_runnable_ns;
    switches = last->switch_ins - t->before.switch_ins;
    slot->involuntary = (__u32)(switches > slot->voluntary + 1 ? switches - slot->voluntary - 1 : 0);
    t->process->closed_on_cpu_ns += last->on_cpu_ns;
    t->process->live--;
    if (!alive) {
        t->process->died = slot->death;
        if (t->process->pid != s->root) {
            s->children_cpu_ns += slot->on_cpu_ns;
            s->children_ended += slot->is_process;
        }
        s->totals.live--;
        add_to_grave(&s->grave, slot);
    }
    r = target.error < 0 ? target.error : sampler_tell_futexes(s, t);
    if (r == 0)
        r = outbox_add(alive ? &s->survivors : &s->obituaries, slot, sizeof(*slot));
    if (slot->tid < TIDS_MAX)
        s->tids[slot->tid / 8] &= (uint8_t) ~(1u << (slot->tid % 8));
    sampler_free_thread(t);
    s->threads[index] = s->threads[--s->n_threads];
    return r;
}
