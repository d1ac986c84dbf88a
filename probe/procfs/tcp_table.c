/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/tcp_table.h"

#include <time.h>

#include "base/base.h"

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* tcp_diag_fn */
static int keep(const struct tcp_diag_socket *socket, void *userdata)
{
    struct tcp_table *table = userdata;

    if (base_grow(&table->sockets, &table->capacity, table->n + 1, sizeof(*socket)) < 0)
        return -ENOMEM;
    table->sockets[table->n++] = *socket;
    return 0;
}

static int list(struct tcp_table *table)
{
    static const struct tcp_diag_query query = {.states = 1u << TCP_DIAG_ESTABLISHED | 1u << TCP_DIAG_LISTEN};
    int r;

    table->n = 0;
    table->made_ns = 0;
    table->lists++;
    r = tcp_diag_list(&query, keep, table);
    if (r == 0)
        table->made_ns = now_ns();
    return r;
}

int tcp_table_each(struct tcp_table *table, tcp_diag_fn take, void *userdata)
{
    int r = 0;

    if (!table->made_ns || table->made_ns + TCP_TABLE_FRESH_NS < now_ns())
        r = list(table);
    for (size_t i = 0; i < table->n && r == 0; i++)
        r = take(&table->sockets[i], userdata);
    return r;
}

void tcp_table_clear(struct tcp_table *table)
{
    free(table->sockets);
    *table = (struct tcp_table){0};
}
