/* SPDX-License-Identifier: BSD-2-Clause */

/* Peers: TCP connections that were opened, by process and address. And the modules seen on stacks. */

#include <arpa/inet.h>

#include "base/base.h"
#include "probe/assemble/assemble_stacks.h"
#include "probe/follow/collector.h"
#include "probe/sites/hash_index.h"

#define PEERS_KEPT 256
#define MODULES_KEPT 64

static int by_key(const void *left, const void *right)
{
    const struct wire_peer *a = left, *b = right;

    return memcmp(&a->key, &b->key, sizeof(a->key));
}

static int by_connects(const void *left, const void *right)
{
    const struct wire_peer *a = left, *b = right;

    return (a->value.connects < b->value.connects) - (a->value.connects > b->value.connects);
}

/* The helper may have sent a peer more than once, each time with what it had come to: the last, the largest, counts. */
static size_t list_peers(const struct collector *c, struct wire_peer *peers)
{
    size_t kept = 0;

    if (!c->n_peers)
        return 0;
    memcpy(peers, c->peers, c->n_peers * sizeof(*peers));
    qsort(peers, c->n_peers, sizeof(*peers), by_key);
    for (size_t i = 0; i < c->n_peers; i++) {
        if (kept && by_key(&peers[kept - 1], &peers[i]) == 0) {
            if (peers[i].value.connects > peers[kept - 1].value.connects)
                peers[kept - 1] = peers[i];
        } else {
            peers[kept++] = peers[i];
        }
    }
    qsort(peers, kept, sizeof(*peers), by_connects);
    return kept;
}

static void write_address(const struct peer_key *key, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    bool v6 = key->family == AF_INET6;

    (void)inet_ntop(v6 ? AF_INET6 : AF_INET, key->address, text, sizeof(text));
    (void)snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", text, key->port);
}

static uint64_t since(const struct collector *c, uint64_t time)
{
    return time > c->released_ns ? time - c->released_ns : 0;
}

static int fill(const struct assemble_stacks *stacks, const struct wire_peer *from, struct peer *to)
{
    const struct collector *c = stacks->collector;
    uint32_t connect =
        from->value.stack_id ? hash_index_find(&c->connect_index, hash_mix(HASH_START, from->value.stack_id)) : 0;

    to->pid = (int32_t)from->key.tgid;
    write_address(&from->key, to->address, sizeof(to->address));
    to->connects = from->value.connects;
    to->established = from->value.established < to->connects ? from->value.established : to->connects;
    to->handshake_ns = from->value.handshake_ns;
    to->first_ns = since(c, from->value.first);
    to->last_ns = since(c, from->value.last);
    if (to->last_ns < to->first_ns)
        to->last_ns = to->first_ns;
    return connect ? assemble_frames(stacks, c->connects[connect - 1].stack, &to->frames, &to->n_frames) : 0;
}

int assemble_peers(const struct assemble_stacks *stacks, struct measurement *m)
{
    const struct collector *c = stacks->collector;
    AUTO_FREE struct wire_peer *peers = calloc(c->n_peers ? c->n_peers : 1, sizeof(*peers));
    size_t n;

    if (!peers)
        return -ENOMEM;
    n = list_peers(c, peers);
    if (n > PEERS_KEPT)
        n = PEERS_KEPT;
    m->peers = calloc(n ? n : 1, sizeof(*m->peers));
    if (!m->peers)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = fill(stacks, &peers[i], &m->peers[m->n_peers++]);

        if (r < 0)
            return r;
    }
    return 0;
}

/* "/usr/lib/python3/dist-packages/requests/api.py" -> "requests"; the standard library's folders likewise. */
static char *module_of(const char *file)
{
    static const char *const roots[] = {"/site-packages/", "/dist-packages/"};
    const char *at = NULL, *version;
    size_t length;

    for (size_t i = 0; i < ARRAY_SIZE(roots) && !at; i++) {
        at = strstr(file, roots[i]);
        if (at)
            at += strlen(roots[i]);
    }
    version = at ? NULL : strstr(file, "/lib/python3");
    if (version) {
        at = strchr(version + strlen("/lib/python3"), '/');
        at = at ? at + 1 : NULL;
    }
    if (!at || !*at)
        return NULL;
    length = strcspn(at, "/");
    if (!at[length] && length > 3 && strcmp(at + length - 3, ".py") == 0)
        length -= 3;
    return strndup(at, length);
}

/* "/usr/lib/x86_64-linux-gnu/libpq.so.5.15" -> "libpq.so.5"; what every program has says nothing. */
static char *library_of(const char *path)
{
    static const char *const common[] = {"libc.so",  "libc-",  "libm.so",   "libpthread", "ld-",
                                         "libgcc_s", "libdl.", "libstdc++", "libpython",  "libc.musl"};
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *so = strstr(base, ".so");
    size_t length;

    if (!so || so == base)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(common); i++)
        if (strncmp(base, common[i], strlen(common[i])) == 0)
            return NULL;
    length = (size_t)(so - base) + strlen(".so");
    if (base[length] == '.')
        length += 1 + strspn(base + length + 1, "0123456789");
    return strndup(base, length);
}

/* An extension of a package counts as the package. */
static int add_module(struct measurement *m, const struct frame *frame)
{
    const char *path = frame->module ? frame->module : frame->file;
    bool builtin = path && strstr(path, "/lib-dynload/"); /* the standard library's own extensions */
    AUTO_FREE char *name = path && !builtin ? module_of(path) : NULL;

    if (!name && frame->module && !builtin)
        name = library_of(frame->module);
    if (!name || m->n_modules >= MODULES_KEPT)
        return 0;
    for (size_t i = 0; i < m->n_modules; i++)
        if (strcmp(m->modules[i], name) == 0)
            return 0;
    m->modules[m->n_modules++] = TAKE_PTR(name);
    return 0;
}

int assemble_modules(struct measurement *m)
{
    m->modules = calloc(MODULES_KEPT, sizeof(*m->modules));
    if (!m->modules)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_sites; i++)
        for (size_t k = 0; k < m->sites[i].n_frames; k++)
            (void)add_module(m, &m->sites[i].frames[k]);
    return 0;
}
