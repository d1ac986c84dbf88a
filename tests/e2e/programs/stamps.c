/* SPDX-License-Identifier: BSD-2-Clause */
#include "stamps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct file {
    uint64_t count;
    struct stamp stamps[STAMPS_MAX];
};

static struct file *file;

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

uint64_t stamps_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void stamps_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0 || ftruncate(fd, sizeof(*file)) < 0) {
        perror(path);
        exit(1);
    }
    file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    (void)close(fd);
}

struct stamp *stamps_claim(const char *what)
{
    uint64_t index = __atomic_fetch_add(&file->count, 1, __ATOMIC_RELAXED);
    struct stamp *stamp;

    if (index >= STAMPS_MAX) {
        (void)fprintf(stderr, "stamps: no more than %u\n", STAMPS_MAX);
        exit(1);
    }
    stamp = &file->stamps[index];
    (void)strncpy(stamp->what, what, sizeof(stamp->what) - 1);
    stamp->outer_begin = stamps_now();
    return stamp;
}

uint32_t stamps_index(const struct stamp *stamp)
{
    return (uint32_t)(stamp - file->stamps);
}

struct stamp *stamps_at(uint32_t index)
{
    return &file->stamps[index];
}

void stamps_begin(struct stamp *stamp)
{
    stamp->inner_begin = stamps_now();
    stamp->tid = (uint32_t)gettid();
    stamp->pid = (uint32_t)getpid();
}

void stamps_end(struct stamp *stamp)
{
    stamp->cpu_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
    stamp->inner_end = stamps_now();
}

void stamps_gone(struct stamp *stamp)
{
    stamp->outer_end = stamps_now();
}
