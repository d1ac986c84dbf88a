/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/wording.h"

/* Rows shown; the JSON report has more. */
#define SITES_SHOWN 12
#define SITES_DIVISOR 100 /* none below this part of the thread time */
#define LOOPS_SHOWN 8
#define PEERS_SHOWN 8
#define FRAMES_SHOWN 8

/* "   81 % " before the text of a site. */
#define SITE_INDENT 9

static void site_row(struct text *t, const struct site *site)
{
    AUTO_BUFFER b = {0}, share = {0};

    buffer_format(&share, "  %5s", format_share_of(site->time_ns, t->m->thread_time_ns).text);
    buffer_format(&b, "%s %s", site->on_cpu ? "on-CPU" : wording_cause(site->cause, t->m->target.runtime.kind),
                  format_duration(site->time_ns).text);
    if (!site->on_cpu)
        buffer_format(&b, " in %s wait%s", format_count(site->count).text, site->count == 1 ? "" : "s");
    if (site->longest_ns > 0 && site->count > 1)
        buffer_format(&b, ", longest %s", format_duration(site->longest_ns).text);
    if (site->threads > 1)
        buffer_format(&b, ", %s threads", format_count(site->threads).text);
    if (site->n_frames > 0)
        buffer_add(&b, ": ");
    text_stack(t, &b, site->frames, site->n_frames, FRAMES_SHOWN);
    layout_paragraph(&t->layout, buffer_text(&share), SITE_INDENT, 2, buffer_text(&b));
    text_check(t, &b);
    text_check(t, &share);
}

static void title(struct text *t, const char *what, size_t n, size_t shown)
{
    AUTO_BUFFER b = {0};

    buffer_add(&b, what);
    if (n > shown)
        buffer_format(&b, " (%zu of %s, largest first)", shown, format_count(n).text);
    layout_paragraph_styled(&t->layout, "", 0, LAYOUT_BOLD, buffer_text(&b));
    text_check(t, &b);
}

static void loop_row(struct text *t, const struct event_loop *loop)
{
    AUTO_BUFFER b = {0};

    escape_terminal_field(&b, loop->kind, sizeof(loop->kind), t->layout.utf8);
    buffer_format(&b, " in thread %d: %s turns, %s in the selector, %s on CPUs", loop->tid,
                  format_count(loop->turns).text, format_duration(loop->wait_ns).text,
                  format_duration(loop->busy_cpu_ns).text);
    if (loop->blocked_in_turn_count > 0)
        buffer_format(&b, ", blocked inside turns %s times for %s", format_count(loop->blocked_in_turn_count).text,
                      format_duration(loop->blocked_in_turn_ns).text);
    if (loop->longest_stall_ns > 0)
        buffer_format(&b, "; longest stall %s", format_duration(loop->longest_stall_ns).text);
    if (loop->stalls > 0)
        buffer_format(&b, ", %s of %s and more, %s together", format_count(loop->stalls).text,
                      format_duration(EVENT_LOOP_STALL_NS).text, format_duration(loop->stall_ns).text);
    if (loop->outstanding_max > 0)
        buffer_format(&b, "; %s waits outstanding, %u at most", format_number(loop->outstanding_mean).text,
                      loop->outstanding_max);
    if (loop->pool_threads > 0)
        buffer_format(&b, "; all %u threads of its pool busy for %s", loop->pool_threads,
                      format_duration(loop->pool_full_ns).text);
    layout_paragraph(&t->layout, "", 2, 2, buffer_text(&b));
    text_check(t, &b);
}

static void peer_row(struct text *t, const struct peer *peer)
{
    AUTO_BUFFER b = {0};

    escape_terminal_field(&b, peer->address, sizeof(peer->address), t->layout.utf8);
    buffer_format(&b, ": %s connection%s of process %d", format_count(peer->connects).text,
                  peer->connects == 1 ? "" : "s", peer->pid);
    if (peer->established < peer->connects)
        buffer_format(&b, ", %s answered", format_count(peer->established).text);
    if (peer->established > 0)
        buffer_format(&b, ", %s until each was answered", format_duration(peer->handshake_ns / peer->established).text);
    if (peer->n_frames > 0) {
        buffer_add(&b, ", opened at ");
        text_spot(t, &b, advice_near_frame_in(peer->frames, peer->n_frames));
    }
    layout_paragraph(&t->layout, "", 2, 2, buffer_text(&b));
    text_check(t, &b);
}

void text_sites(struct text *t)
{
    const struct measurement *m = t->m;
    size_t loops = m->n_loops < LOOPS_SHOWN ? m->n_loops : LOOPS_SHOWN;
    size_t peers = m->n_peers < PEERS_SHOWN ? m->n_peers : PEERS_SHOWN;

    size_t sites = 0;

    while (sites < m->n_sites && sites < SITES_SHOWN && m->sites[sites].time_ns > 0 &&
           m->sites[sites].time_ns >= m->thread_time_ns / SITES_DIVISOR)
        sites++;
    if (sites > 0 && m->thread_time_ns > 0) {
        title(t, "SITES", m->n_sites, sites);
        for (size_t i = 0; i < sites; i++)
            site_row(t, &m->sites[i]);
    }
    if (loops > 0)
        title(t, "EVENT LOOPS", m->n_loops, loops);
    for (size_t i = 0; i < loops; i++)
        loop_row(t, &m->loops[i]);
    if (peers > 0)
        title(t, "PEERS", m->n_peers, peers);
    for (size_t i = 0; i < peers; i++)
        peer_row(t, &m->peers[i]);
}
