/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/descriptors.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/procfs/tcp_diag.h"
#include "probe/procfs/unix_peer.h"

#define PROCESSES_MAX 64u
#define FDS_MAX 512u
#define CONNECTIONS_MAX 8192u
#define AGE_LEAST_NS (20 * NSEC_PER_MSEC) /* a table is not read again before that; */
#define AGE_OF_COST 100u                  /* nor before so many times what reading it took */

enum end_type {
    END_OTHER,
    END_PIPE,
    END_SOCKET,
    END_EVENT,
};

/* A descriptor that a process of the target holds. */
struct end {
    uint64_t inode;
    uint32_t pid;
    enum end_type type;
    bool readable, writable;
};

struct connection {
    uint64_t inode;
    uint32_t local_port, remote_port;
    uint32_t state;
};

/* When a table was read, and may be read again. */
struct age {
    uint64_t next;
};

struct descriptors {
    const uint32_t *pids;
    size_t n_pids;
    uint64_t now;
    struct end *ends;
    size_t n_ends, ends_capacity;
    struct age ends_age;
    struct connection *connections; /* by inode */
    struct connection *by_port;     /* the same, by local port */
    size_t n_connections, connections_capacity;
    uint8_t listened[65536 / 8]; /* bits: ports that are listened on */
    struct age connections_age;
};

struct descriptors *descriptors_new(void)
{
    return calloc(1, sizeof(struct descriptors));
}

void descriptors_free(struct descriptors *descriptors)
{
    if (!descriptors)
        return;
    free(descriptors->ends);
    free(descriptors->connections);
    free(descriptors->by_port);
    free(descriptors);
}

void descriptors_set_target(struct descriptors *descriptors, const uint32_t *pids, size_t n, uint64_t now)
{
    descriptors->pids = pids;
    descriptors->n_pids = n;
    descriptors->now = now;
}

static uint64_t cpu_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* @return whether the table may be read now; then its next time is set by age_end() */
static bool age_begin(const struct descriptors *d, const struct age *age, uint64_t *ret_before)
{
    if (d->now < age->next)
        return false;
    *ret_before = cpu_clock();
    return true;
}

static void age_end(const struct descriptors *d, struct age *age, uint64_t before)
{
    uint64_t pause = (cpu_clock() - before) * AGE_OF_COST;

    age->next = d->now + (pause > AGE_LEAST_NS ? pause : AGE_LEAST_NS);
}

/* "pipe:[17]", "socket:[17]", "anon_inode:[eventfd]"; all else is a path. */
static enum end_type parse_link(const char *link, uint64_t *ret_inode)
{
    if (sscanf(link, "pipe:[%" SCNu64 "]", ret_inode) == 1)
        return END_PIPE;
    if (sscanf(link, "socket:[%" SCNu64 "]", ret_inode) == 1)
        return END_SOCKET;
    *ret_inode = 0;
    return strncmp(link, "anon_inode:", 11) == 0 ? END_EVENT : END_OTHER;
}

/* The link's own mode bits say how the descriptor was opened (fs/proc/fd.c, tid_fd_update_inode()). */
static int look_at_end(uint32_t pid, const char *fd, struct end *ret_end)
{
    char path[64], link[128];
    struct stat status;
    ssize_t length;

    (void)snprintf(path, sizeof(path), "/proc/%u/fd/%.16s", pid, fd);
    length = readlink(path, link, sizeof(link) - 1);
    if (length < 0)
        return -errno;
    link[length] = '\0';
    ret_end->pid = pid;
    ret_end->type = parse_link(link, &ret_end->inode);
    ret_end->readable = ret_end->writable = true;
    if (ret_end->type == END_PIPE && lstat(path, &status) == 0) {
        ret_end->readable = status.st_mode & S_IRUSR;
        ret_end->writable = status.st_mode & S_IWUSR;
    }
    return 0;
}

static void read_ends_of(struct descriptors *d, uint32_t pid)
{
    char path[64];
    size_t n = 0;
    DIR *folder;

    (void)snprintf(path, sizeof(path), "/proc/%u/fd", pid);
    folder = opendir(path);
    for (const struct dirent *entry; folder && n < FDS_MAX && (entry = readdir(folder));) {
        struct end end;

        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (look_at_end(pid, entry->d_name, &end) < 0 || (end.type != END_PIPE && end.type != END_SOCKET) ||
            base_grow(&d->ends, &d->ends_capacity, d->n_ends + 1, sizeof(end)) < 0)
            continue;
        d->ends[d->n_ends++] = end;
    }
    if (folder)
        (void)closedir(folder);
}

static void read_ends(struct descriptors *d)
{
    uint64_t before;

    if (!age_begin(d, &d->ends_age, &before))
        return;
    d->n_ends = 0;
    for (size_t i = 0; i < d->n_pids && i < PROCESSES_MAX; i++)
        read_ends_of(d, d->pids[i]);
    age_end(d, &d->ends_age, before);
}

/*
 * Who of the target holds the other end? @param writer  of a pipe: the writing end is meant
 * @return 0: nobody, 1: the process itself, 2: another one
 */
static int holder_in_table(const struct descriptors *d, uint64_t inode, uint32_t pid, bool pipe, bool writer)
{
    int found = 0;

    for (size_t i = 0; i < d->n_ends && found < 2; i++) {
        const struct end *end = &d->ends[i];

        if (end->inode != inode || (pipe && !(writer ? end->writable : end->readable)))
            continue;
        found = end->pid == pid ? 1 : 2;
    }
    return found;
}

static int holder_of(struct descriptors *d, uint64_t inode, uint32_t pid, bool pipe, bool writer)
{
    read_ends(d);
    return holder_in_table(d, inode, pid, pipe, writer);
}

/* Lines of proc_pid_net(5): sl local:port remote:port state tx:rx tr:when retransmits uid timeout inode. */
static void read_connections_of(struct descriptors *d, uint32_t pid, const char *name)
{
    AUTO_FCLOSE FILE *file = NULL;
    char path[64], line[512];

    (void)snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, name);
    file = fopen(path, "re");
    while (file && d->n_connections < CONNECTIONS_MAX && fgets(line, sizeof(line), file)) {
        struct connection c;

        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64,
                   &c.local_port, &c.remote_port, &c.state, &c.inode) != 4 ||
            base_grow(&d->connections, &d->connections_capacity, d->n_connections + 1, sizeof(c)) < 0)
            continue;
        d->connections[d->n_connections++] = c;
    }
}

/* tcp_diag_fn */
static int take_connection(const struct tcp_diag_socket *socket, void *userdata)
{
    const struct connection c = {socket->inode, socket->local_port, socket->remote_port, socket->state};
    struct descriptors *d = userdata;

    if (d->n_connections < CONNECTIONS_MAX &&
        base_grow(&d->connections, &d->connections_capacity, d->n_connections + 1, sizeof(c)) == 0)
        d->connections[d->n_connections++] = c;
    return 0;
}

static int by_inode(const void *left, const void *right)
{
    const struct connection *a = left, *b = right;

    return (a->inode > b->inode) - (a->inode < b->inode);
}

static int by_local_port(const void *left, const void *right)
{
    const struct connection *a = left, *b = right;

    return (a->local_port > b->local_port) - (a->local_port < b->local_port);
}

static void sort_connections(struct descriptors *d)
{
    size_t size = d->n_connections * sizeof(*d->connections);

    free(d->by_port);
    d->by_port = malloc(size ? size : 1);
    if (!d->by_port || !size) {
        d->n_connections = 0;
        return;
    }
    qsort(d->connections, d->n_connections, sizeof(*d->connections), by_inode);
    memcpy(d->by_port, d->connections, size);
    qsort(d->by_port, d->n_connections, sizeof(*d->by_port), by_local_port);
    memset(d->listened, 0, sizeof(d->listened));
    for (size_t i = 0; i < d->n_connections; i++)
        if (d->connections[i].state == TCP_DIAG_LISTEN)
            d->listened[d->connections[i].local_port / 8 & 8191] |= (uint8_t)(1u << (d->connections[i].local_port % 8));
}

static const struct connection *find_connection(const struct descriptors *d, uint64_t inode)
{
    const struct connection key = {.inode = inode};

    return d->n_connections ? bsearch(&key, d->connections, d->n_connections, sizeof(key), by_inode) : NULL;
}

static const struct connection *connection_of(struct descriptors *d, uint32_t pid, uint64_t inode)
{
    static const struct tcp_diag_query query = {.states = 1u << TCP_DIAG_ESTABLISHED | 1u << TCP_DIAG_LISTEN};
    const struct connection *found = find_connection(d, inode);
    uint64_t before;

    if (found || !age_begin(d, &d->connections_age, &before)) /* an inode is one connection's for life */
        return found;
    d->n_connections = 0;
    if (tcp_diag_list(&query, take_connection, d) == 0)
        sort_connections(d);
    found = find_connection(d, inode);
    if (!found) { /* of another network namespace, or of a kernel that has no such list */
        d->n_connections = 0;
        read_connections_of(d, pid, "tcp");
        read_connections_of(d, pid, "tcp6");
        sort_connections(d);
        found = find_connection(d, inode);
    }
    age_end(d, &d->connections_age, before);
    return found;
}

#define CANDIDATES 64

/* The other end of a connection within this machine; 0: it is elsewhere, or one of very many of one server. */
static uint64_t other_end(const struct descriptors *d, const struct connection *c)
{
    const struct connection key = {.local_port = c->remote_port};
    const struct connection *end = d->by_port + d->n_connections;
    const struct connection *at = bsearch(&key, d->by_port, d->n_connections, sizeof(key), by_local_port);

    for (size_t i = 0; at && i < CANDIDATES && at > d->by_port && at[-1].local_port == c->remote_port; i++)
        at--;
    for (size_t i = 0; at && i < 2 * CANDIDATES && at < end && at->local_port == c->remote_port; at++, i++)
        if (at->remote_port == c->local_port && at->inode)
            return at->inode;
    return 0;
}

static uint16_t kind_of_tcp(struct descriptors *d, uint32_t pid, uint64_t inode)
{
    const struct connection *c = connection_of(d, pid, inode);
    uint64_t other;
    int holder;

    if (!c)
        return WAIT_INET_OUTSIDE;
    if (c->state == TCP_DIAG_LISTEN)
        return WAIT_ACCEPT;
    if (d->listened[c->local_port / 8 & 8191] >> (c->local_port % 8) & 1)
        return WAIT_INET_SERVED;
    other = other_end(d, c);
    holder = other ? holder_of(d, other, pid, false, false) : 0;
    return holder == 2 ? WAIT_INET_TARGET : holder == 1 ? WAIT_INET_SIBLING : WAIT_INET_OUTSIDE;
}

static uint16_t kind_of_unix(struct descriptors *d, uint32_t pid, uint64_t inode)
{
    uint64_t peer;
    int holder = 0;

    if (unix_peer_of(inode, &peer) == 0)
        holder = holder_of(d, peer, pid, false, false);
    return holder == 2 ? WAIT_UNIX_TARGET : holder == 1 ? WAIT_UNIX_SIBLING : WAIT_UNIX_OUTSIDE;
}

static uint16_t kind_of_socket(struct descriptors *d, uint32_t pid, int fd, uint64_t inode)
{
    char path[64], protocol[32];
    ssize_t length;

    (void)snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, fd);
    length = getxattr(path, "system.sockprotoname", protocol, sizeof(protocol) - 1);
    if (length < 0)
        return WAIT_INET_OUTSIDE;
    protocol[length] = '\0';
    if (strncmp(protocol, "UNIX", 4) == 0)
        return kind_of_unix(d, pid, inode);
    if (strncmp(protocol, "TCP", 3) == 0)
        return kind_of_tcp(d, pid, inode);
    return strncmp(protocol, "UDP", 3) == 0 ? WAIT_INET_OUTSIDE : WAIT_OTHER_FD;
}

static uint16_t kind_of_path(uint32_t pid, int fd)
{
    struct stat status;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, fd);
    if (stat(path, &status) < 0)
        return WAIT_UNKNOWN;
    switch (status.st_mode & S_IFMT) {
    case S_IFIFO:
        return WAIT_PIPE_OUTSIDE;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
        return WAIT_FILE;
    case S_IFCHR:
        return WAIT_TERMINAL;
    default:
        return WAIT_OTHER_FD;
    }
}

uint16_t descriptors_kind(struct descriptors *d, pid_t pid, int fd, bool accepting)
{
    char name[16];
    struct end end;
    int holder;

    (void)snprintf(name, sizeof(name), "%d", fd);
    if (look_at_end((uint32_t)pid, name, &end) < 0)
        return WAIT_UNKNOWN;
    if (accepting)
        return WAIT_ACCEPT;
    switch (end.type) {
    case END_EVENT:
        return WAIT_EVENTFD;
    case END_PIPE:
        holder = holder_of(d, end.inode, (uint32_t)pid, true, end.readable);
        return holder == 2 ? WAIT_PIPE_TARGET : holder == 1 ? WAIT_PIPE_SIBLING : WAIT_PIPE_OUTSIDE;
    case END_SOCKET:
        return kind_of_socket(d, (uint32_t)pid, fd, end.inode);
    default:
        return kind_of_path((uint32_t)pid, fd);
    }
}

/* What several descriptors together may be waited for. */
struct watched {
    bool outside, sibling, other_process;
};

static void watch(struct watched *watched, uint16_t kind)
{
    switch (kind) {
    case WAIT_EVENTFD:
    case WAIT_PIPE_SIBLING:
    case WAIT_UNIX_SIBLING:
    case WAIT_INET_SIBLING:
        watched->sibling = true;
        break;
    case WAIT_PIPE_TARGET:
    case WAIT_UNIX_TARGET:
    case WAIT_INET_TARGET:
        watched->other_process = true;
        break;
    default:
        watched->outside = true;
        break;
    }
}

uint16_t descriptors_epoll_kind(struct descriptors *d, pid_t pid, int epfd)
{
    AUTO_FCLOSE FILE *file = NULL;
    struct watched watched = {0};
    char path[64], line[256];
    size_t n = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, epfd);
    file = fopen(path, "re");
    while (file && !watched.outside && n < FDS_MAX && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "tfd: %d", &fd) != 1)
            continue;
        n++;
        watch(&watched, descriptors_kind(d, pid, fd, false));
    }
    if (watched.outside || !n)
        return WAIT_EPOLL_OUTSIDE;
    return watched.other_process ? WAIT_EPOLL_TARGET : WAIT_EPOLL_SIBLING;
}

uint16_t descriptors_poll_kind(struct descriptors *d, pid_t pid, const int *fds, size_t n)
{
    struct watched watched = {0};

    for (size_t i = 0; i < n && !watched.outside; i++)
        if (fds[i] >= 0)
            watch(&watched, descriptors_kind(d, pid, fds[i], false));
    if (watched.outside || !n)
        return WAIT_POLL_OUTSIDE;
    return watched.other_process ? WAIT_POLL_TARGET : WAIT_POLL_SIBLING;
}
