/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * peek: cheap looks at live processes through /proc: memory, CPU times, I/O, sockets, event polls.
 *
 * Every look is bounded, and may come too late: a process that is gone is an expected answer, -ESRCH. What may not be
 * read is 0. Refuses to remember anything between two looks but what the caller keeps for it (tcp_table.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tcp_table;

struct peek_memory {
    uint64_t peak_rss_bytes; /* VmHWM; 0: not known */
    uint64_t private_bytes;  /* resident and mapped by no other process (smaps_rollup); 0: not known */
};

/* @return 0, -ESRCH, -EACCES. smaps_rollup walks the page tables: some ms per GiB. */
int peek_memory(pid_t pid, struct peek_memory *ret_memory);

/* Resident memory, from the kernel's counters: some microseconds whatever the size. @return 0, -ESRCH, -EACCES */
int peek_rss(pid_t pid, uint64_t *ret_bytes);

/* Threads looked at per call. */
#define PEEK_MAX_THREADS 1024

/* All read- and write-like calls on files, pipes and sockets: bytes and calls. */
struct peek_io {
    uint64_t read_bytes;
    uint64_t written_bytes;
    uint64_t reads;
    uint64_t writes;
};

/*
 * The sum over the living threads. Not /proc/PID/io: that also holds the threads that ended, and the children that were
 * waited for (kernel/exit.c, wait_task_zombie()). Of more than PEEK_MAX_THREADS threads only so many count.
 *
 * @return 0, -ESRCH, -EACCES (not ours)
 */
int peek_io(pid_t pid, struct peek_io *ret_io);

/* CPU time of a thread as the kernel splits it, in clock ticks of 10 ms. @return 0, -ESRCH, -EACCES */
int peek_thread_times(pid_t pid, pid_t tid, uint64_t *ret_user_ns, uint64_t *ret_system_ns);

/* Descriptors looked at per call. */
#define PEEK_MAX_FDS 1024
#define PEEK_MAX_TIMERS 256 /* each is a file to open: some 5 us */

struct peek_sockets {
    bool listens;            /* has a listening TCP or unix socket */
    uint32_t outbound;       /* established TCP connections whose local port is none that this process listens on */
    uint32_t inbound;        /* the other established TCP connections */
    uint64_t outbound_inode; /* of one of those; 0: none */
    uint16_t outbound_port;  /* its local port */
    bool truncated;          /* has more than PEEK_MAX_FDS descriptors: the rest was not looked at */
};

/*
 * A connection accepted by another process and handed over counts as outbound, unless the listening socket was
 * inherited, too (as pre-forking servers do).
 *
 * @param table  the caller's; what it was told less than TCP_TABLE_FRESH_NS ago is used again
 * @return 0, -ESRCH, -EACCES (not ours), -ENOMEM
 */
int peek_sockets(pid_t pid, struct tcp_table *table, struct peek_sockets *ret_sockets);

/*
 * Which connections (as above) an epoll descriptor watches, of the first PEEK_MAX_FDS it watches, and how many timers
 * (timerfd) that run out once: still running, or run out and not yet read. Those that repeat are nobody's wait. Of more
 * than PEEK_MAX_TIMERS timers only so many count.
 *
 * @param epfd        number of an epoll descriptor in that process
 * @param table       as for peek_sockets()
 * @param ret_timers  how many
 * @return 0, -ESRCH (gone, or no such descriptor), -EINVAL (not an epoll descriptor), -EACCES, -ENOMEM
 */
int peek_epoll(pid_t pid, int epfd, struct tcp_table *table, struct peek_sockets *ret_watched, uint32_t *ret_timers);
