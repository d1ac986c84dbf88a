/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * oddities: what few programs do to their threads and processes, with stamps (stamps.h) of when they did it.
 *
 *   oddities STAMPS MODE [COUNT]
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stamps.h"

#define REFUSED 3 /* exit status: the kernel does not let us */

static void die(const char *what)
{
    perror(what);
    _exit(1);
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&time, &time) != 0)
        ;
}

/* A child with an id of our choice (needs CAP_CHECKPOINT_RESTORE). Somebody else may have it for a moment. */
static pid_t fork_as(pid_t pid)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
    long child;

    do
        child = syscall(SYS_clone3, &arguments, sizeof(arguments));
    while (child < 0 && errno == EEXIST);
    if (child < 0)
        die("clone3 with set_tid");
    return (pid_t)child;
}

/* One process id, used again by the next child as soon as it is free. */
static void same_pid(uint32_t count)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    (void)waitpid(pid, NULL, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("reused");

        if (fork_as(pid) == 0) {
            stamps_begin(stamp);
            if (i % 8 == 0)
                pause_ms(2);
            stamps_end(stamp);
            _exit(0);
        }
        if (waitpid(pid, NULL, 0) != pid)
            die("waitpid");
        stamps_gone(stamp);
    }
}

/* A child that sleeps is stopped and continued: stamped from within and from without the stop. */
static void stopped(uint32_t count)
{
    struct stamp *life = stamps_claim("sleeper"), *stop;
    pid_t pid = fork();

    (void)count;
    if (pid == 0) {
        stamps_begin(life);
        pause_ms(500);
        stamps_end(life);
        _exit(0);
    }
    pause_ms(100);
    stop = stamps_claim("stop");
    (void)kill(pid, SIGSTOP);
    if (waitpid(pid, NULL, WUNTRACED) != pid)
        die("waitpid");
    stamps_begin(stop);
    pause_ms(200);
    stamps_end(stop);
    (void)kill(pid, SIGCONT);
    if (waitpid(pid, NULL, WCONTINUED) != pid)
        die("waitpid");
    stamps_gone(stop);
    if (waitpid(pid, NULL, 0) != pid)
        die("waitpid");
    stamps_gone(life);
}

/* Two processes that do nothing but wake each other: as many switches a second as there can be. */
static void ping_pong(uint32_t count)
{
    int there[2], back[2];
    char byte = 0;
    pid_t pid;

    if (pipe(there) < 0 || pipe(back) < 0)
        die("pipe");
    pid = fork();
    for (uint32_t i = 0; i < count; i++) {
        if (pid == 0 && (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1))
            _exit(1);
        if (pid != 0 && (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1))
            die("pipe");
    }
    if (pid == 0)
        _exit(0);
    (void)waitpid(pid, NULL, 0);
}

struct ring {
    int fd;
    unsigned *tail, *mask, *array;
    struct io_uring_sqe *entries;
};

static void *map_ring(int fd, size_t size, off_t offset)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

    if (at == MAP_FAILED)
        die("mmap of the ring");
    return at;
}

static void ring_open(struct ring *ring)
{
    struct io_uring_params parameters = {0};
    unsigned char *queue;

    ring->fd = (int)syscall(SYS_io_uring_setup, 8, &parameters);
    if (ring->fd < 0) {
        (void)fprintf(stderr, "io_uring_setup is refused: %s\n", strerror(errno));
        exit(REFUSED);
    }
    queue = map_ring(ring->fd, parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    ring->tail = (unsigned *)(void *)(queue + parameters.sq_off.tail);
    ring->mask = (unsigned *)(void *)(queue + parameters.sq_off.ring_mask);
    ring->array = (unsigned *)(void *)(queue + parameters.sq_off.array);
    ring->entries = map_ring(ring->fd, parameters.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
}

static char fifo[4096];

/* Opening a named pipe waits for its other end. IOSQE_ASYNC: a worker of the kernel's makes the call and waits in it.
 */
static void ring_open_fifo(struct ring *ring)
{
    unsigned at = *ring->tail & *ring->mask;

    ring->entries[at] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                              .flags = IOSQE_ASYNC,
                                              .fd = AT_FDCWD,
                                              .addr = (uint64_t)(uintptr_t)fifo,
                                              .open_flags = O_RDONLY};
    ring->array[at] = at;
    __atomic_store_n(ring->tail, *ring->tail + 1, __ATOMIC_RELEASE);
}

static void *open_late(void *stamp)
{
    stamps_begin(stamp);
    pause_ms(300);
    stamps_end(stamp);
    if (open(fifo, O_WRONLY | O_CLOEXEC) < 0)
        die("open");
    return NULL;
}

/* The first thread waits in io_uring_enter(2) for a call that a worker waits in; a sibling ends both waits. */
static void io_uring(uint32_t count)
{
    struct stamp *wait = stamps_claim("ring");
    pthread_t opener;
    struct ring ring;

    (void)count;
    ring_open(&ring);
    if (mkfifo(fifo, 0600) < 0)
        die("mkfifo");
    ring_open_fifo(&ring);
    if (syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0) != 1)
        die("io_uring_enter");
    if (pthread_create(&opener, NULL, open_late, stamps_claim("opener")) != 0)
        die("pthread_create");
    stamps_begin(wait);
    if (syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        die("io_uring_enter");
    stamps_end(wait);
    (void)pthread_join(opener, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(uint32_t count);
    } modes[] = {{"same-pid", same_pid}, {"stopped", stopped}, {"io-uring", io_uring}, {"ping-pong", ping_pong}};

    if (argc < 3)
        return 2;
    stamps_open(argv[1]);
    (void)snprintf(fifo, sizeof(fifo), "%s.fifo", argv[1]);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(modes[i].name, argv[2]) != 0)
            continue;
        modes[i].run(argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1);
        return 0;
    }
    return 2;
}
