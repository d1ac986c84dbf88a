/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/sockets.h"

#include <sys/stat.h>

#include "base/base.h"
#include "probe/procfs/tcp_table.h"

/* Tables of busy machines are long: stop here. */
#define MAX_LINES 65536

/* include/uapi/linux/net.h: __SO_ACCEPTCON, the socket listens. */
#define UNIX_LISTENS 0x10000

/* Local ports of the connections found, judged once all listening ports are known. */
struct connections {
    uint16_t local_ports[PEEK_MAX_FDS];
    uint64_t inodes[PEEK_MAX_FDS];
    size_t n;
};

static int compare_inodes(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

static bool in_set(const struct socket_set *set, uint64_t inode)
{
    return bsearch(&inode, set->inodes, set->n, sizeof(inode), compare_inodes) != NULL;
}

static bool has_port(const struct port_set *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->n; i++)
        if (ports->ports[i] == port)
            return true;
    return false;
}

static void add_port(struct port_set *ports, uint16_t port)
{
    if (ports->n < ARRAY_SIZE(ports->ports) && !has_port(ports, port))
        ports->ports[ports->n++] = port;
}

static FILE *open_table(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
    return fopen(path, "re");
}

/* Where sockets of the set go as they are found. */
struct finding_place {
    const struct socket_set *set;
    struct port_set *ports;
    struct peek_sockets *sockets;
    struct connections *connections;
};

/* tcp_diag_fn: never ends the list. */
static int take_socket(const struct tcp_diag_socket *socket, void *userdata)
{
    const struct finding_place *place = userdata;
    struct connections *connections = place->connections;

    if (!in_set(place->set, socket->inode))
        return 0;
    if (socket->state == TCP_DIAG_LISTEN) {
        place->sockets->listens = true;
        add_port(place->ports, socket->local_port);
    } else if (connections->n < ARRAY_SIZE(connections->local_ports)) {
        connections->inodes[connections->n] = socket->inode;
        connections->local_ports[connections->n++] = socket->local_port;
    }
    return 0;
}

/* Lines of proc_pid_net(5): sl local:port remote:port state tx:rx tr:when retransmits uid timeout inode. */
static void read_tcp(pid_t pid, const char *name, struct finding_place *place)
{
    AUTO_FCLOSE FILE *table = open_table(pid, name);
    char line[512];

    for (size_t i = 0; table && i < MAX_LINES && fgets(line, sizeof(line), table); i++) {
        unsigned port, state;
        unsigned long long inode;

        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %llu", &port, &state,
                   &inode) == 3 &&
            (state == TCP_DIAG_ESTABLISHED || state == TCP_DIAG_LISTEN))
            (void)take_socket(
                &(struct tcp_diag_socket){.inode = inode, .local_port = (uint16_t)port, .state = (uint8_t)state},
                place);
    }
}

static bool in_our_network(pid_t pid)
{
    struct stat ours, theirs;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    return stat("/proc/self/ns/net", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

static void find_tcp(pid_t pid, struct tcp_table *table, struct finding_place *place)
{
    if (in_our_network(pid) && tcp_table_each(table, take_socket, place) == 0)
        return;
    read_tcp(pid, "tcp", place);
    read_tcp(pid, "tcp6", place);
}

/* Num: RefCount Protocol Flags Type St Inode Path */
static bool unix_listens(pid_t pid, const struct socket_set *set)
{
    AUTO_FCLOSE FILE *table = open_table(pid, "unix");
    char line[512];

    for (size_t i = 0; table && i < MAX_LINES && fgets(line, sizeof(line), table); i++) {
        unsigned flags;
        unsigned long long inode;

        if (sscanf(line, "%*[0-9A-Fa-f]: %*x %*x %x %*x %*x %llu", &flags, &inode) == 2 && (flags & UNIX_LISTENS) &&
            in_set(set, inode))
            return true;
    }
    return false;
}

int sockets_classify(pid_t pid, struct socket_set *set, struct port_set *ports, struct tcp_table *table,
                     struct peek_sockets *ret_sockets)
{
    AUTO_FREE struct connections *connections = NULL;
    struct finding_place place;

    ret_sockets->listens = false;
    ret_sockets->outbound = ret_sockets->inbound = 0;
    ret_sockets->outbound_inode = 0;
    if (set->n == 0)
        return 0;
    connections = calloc(1, sizeof(*connections));
    if (!connections)
        return -ENOMEM;
    qsort(set->inodes, set->n, sizeof(set->inodes[0]), compare_inodes);
    place = (struct finding_place){set, ports, ret_sockets, connections};
    find_tcp(pid, table, &place);
    for (size_t i = 0; i < connections->n; i++) {
        if (has_port(ports, connections->local_ports[i])) {
            ret_sockets->inbound++;
            continue;
        }
        ret_sockets->outbound++;
        ret_sockets->outbound_inode = connections->inodes[i];
        ret_sockets->outbound_port = connections->local_ports[i];
    }
    if (!ret_sockets->listens)
        ret_sockets->listens = unix_listens(pid, set);
    return 0;
}
