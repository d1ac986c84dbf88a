/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * corpus: the arguments that every C job of the corpus takes, and the arithmetic that stands for its work.
 *
 *   NAME --model MODEL [--workers N] [--in-flight K] [--flawed]
 *
 * How a job spreads its work is its own business. Without --workers it takes as many as there are CPUs.
 */

#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CORPUS_MAX_WORKERS 1024

struct corpus_args {
    const char *model;  /* "serial" by default */
    unsigned workers;   /* 1 .. CORPUS_MAX_WORKERS */
    unsigned in_flight; /* per process, 1 .. CORPUS_MAX_WORKERS */
    bool flawed;        /* the badly written variant, where the job's header declares one */
};

/* CPUs that this process may use. */
static inline unsigned corpus_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static inline unsigned corpus_count(const char *text)
{
    unsigned long count = strtoul(text, NULL, 10);

    return count < 1 ? 1 : count > CORPUS_MAX_WORKERS ? CORPUS_MAX_WORKERS : (unsigned)count;
}

/* Ends the program with status 2 when it does not understand its arguments. */
static inline struct corpus_args corpus_parse(int argc, char **argv)
{
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"in-flight", required_argument, NULL, 'f'},
                                            {"flawed", no_argument, NULL, 'b'},
                                            {0}};
    struct corpus_args args = {.model = "serial", .workers = corpus_cpus(), .in_flight = 16};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'm')
            args.model = optarg;
        else if (option == 'w')
            args.workers = corpus_count(optarg);
        else if (option == 'f')
            args.in_flight = corpus_count(optarg);
        else if (option == 'b')
            args.flawed = true;
        else
            exit(2);
    }
    return args;
}

/* Ends the program when the model asked for is none of the job's. */
static inline int corpus_unknown(const struct corpus_args *args)
{
    (void)fprintf(stderr, "no such model here: %s\n", args->model);
    return 2;
}

/*
 * About a nanosecond a round on a CPU of 2020. Never inlined: the compiler must not find a shorter way in the one model
 * than in the other.
 */
__attribute__((noinline, unused)) static uint64_t corpus_work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static inline void corpus_sleep_us(unsigned us)
{
    struct timespec wait = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    while (nanosleep(&wait, &wait) != 0)
        ;
}
