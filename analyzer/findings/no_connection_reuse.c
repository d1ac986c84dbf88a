/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* Fewer are how a program begins: one for each of its threads, services and retries. */
#define MIN_CONNECTIONS 10

static const struct process *find_process(const struct measurement *m, int32_t pid)
{
    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].pid == pid)
            return &m->processes[i];
    return NULL;
}

/*
 * A pool opens as many connections as it keeps. Three times the most that were ever open at once means that connections
 * were closed and opened anew. Where nobody counted the open ones, a burst at one time may be a pool.
 */
static bool is_wasteful(const struct measurement *m, const struct peer *peer)
{
    const struct process *process = find_process(m, peer->pid);
    uint64_t open = process ? process->max_connections : 0;
    uint64_t life_ns = process ? process->death_ns - process->birth_ns : m->wall_ns;

    if (peer->established < MIN_CONNECTIONS)
        return false;
    if (open == 0)
        return peer->last_ns - peer->first_ns >= life_ns / 5;
    return peer->established >= 3 * open;
}

/* What all wasteful rows come to. */
struct sum {
    const struct peer *largest;
    uint64_t connects;
    uint64_t established;
    uint64_t handshake_ns;
    unsigned others; /* further rows: other peers, or other processes */
};

static struct sum sum_peers(const struct measurement *m)
{
    struct sum sum = {0};

    for (size_t i = 0; i < m->n_peers; i++) {
        const struct peer *peer = &m->peers[i];

        if (!is_wasteful(m, peer))
            continue;
        sum.others += sum.largest != NULL;
        if (!sum.largest || peer->established > sum.largest->established)
            sum.largest = peer;
        sum.connects += peer->connects;
        sum.established += peer->established;
        sum.handshake_ns += peer->handshake_ns;
    }
    return sum;
}

static bool speaks_tls(const struct peer *peer)
{
    const char *port = strrchr(peer->address, ':');

    return port && (strcmp(port, ":443") == 0 || strcmp(port, ":8443") == 0);
}

static char *detail_of(const struct measurement *m, const struct sum *sum)
{
    double seconds = (double)m->wall_ns / 1e9;
    char handshake[WORDS_NUMBER], others[64] = "", refused[64] = "";

    if (sum->others > 0)
        (void)snprintf(others, sizeof(others), " and %u more", sum->others);
    if (sum->connects > sum->established)
        (void)snprintf(refused, sizeof(refused), ", %llu more unanswered",
                       (unsigned long long)(sum->connects - sum->established));
    return words_format("%llu connections to %.63s%s, %.3g a second, each %s for TCP alone%s%s",
                        (unsigned long long)sum->established, sum->largest->address, others,
                        metrics_share((double)sum->established, seconds),
                        words_ns(metrics_share((double)sum->handshake_ns, (double)sum->established), handshake),
                        speaks_tls(sum->largest) ? ", and TLS on top" : "", refused);
}

static char *remedy_of(const struct measurement *m, const struct peer *peer)
{
    static const char *const how[RUNTIME_COUNT] = {
        [RUNTIME_CPYTHON] = "one requests.Session (or other client object) for all requests, a pool for a database",
        [RUNTIME_PYPY] = "one requests.Session (or other client object) for all requests, a pool for a database",
        [RUNTIME_RUBY] = "one Net::HTTP.start block (or a persistent client) for all requests, a pool for a database",
        [RUNTIME_NODE] = "one http.Agent with keepAlive for all requests, a pool for a database",
        [RUNTIME_JVM] = "one HttpClient for all requests, a pool (HikariCP) for a database",
        [RUNTIME_GO] = "one http.Client whose bodies are read and closed, one sql.DB",
    };
    char place[FINDING_PLACE];
    const char *text = how[m->target.runtime.kind];

    (void)finding_place(peer->frames, peer->n_frames, place);
    return words_format("keep connections open: %s%s%s",
                        text ? text : "reuse the descriptor or handle, or a pool of them", place[0] ? ": " : "", place);
}

/* CA3301: a new connection to the same peer again and again. */
int find_no_connection_reuse(const struct finding_context *c, struct finding_list *list)
{
    struct sum sum = sum_peers(c->m);
    double share = metrics_share((double)sum.handshake_ns, (double)c->lanes->work_ns);
    struct site place;
    int r;

    if (!sum.largest)
        return 0;
    r = finding_add(
        list, c,
        (struct finding){.id = 3301, .severity = finding_severity(share), .time_ns = sum.handshake_ns, .share = share},
        detail_of(c->m, &sum), NULL);
    if (r == 0)
        r = finding_remedy(list, remedy_of(c->m, sum.largest));
    if (r < 0 || sum.largest->n_frames == 0)
        return r;
    place = (struct site){.cause = CAUSE_NETWORK,
                          .time_ns = sum.largest->handshake_ns,
                          .count = sum.largest->connects,
                          .pid = sum.largest->pid,
                          .threads = 1,
                          .frames = sum.largest->frames,
                          .n_frames = sum.largest->n_frames};
    return finding_add_place(list, &place);
}
