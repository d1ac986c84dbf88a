/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * site_target: a program that waits in known places, for test_switch.c. Its system calls are made in its own code, so
 * that the innermost address of a stack tells the place.
 *
 *   site_target MODE [COUNT] [PORT]
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/base.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint32_t word;
static int pipes[2][2];

static inline __attribute__((always_inline)) long call(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

static inline __attribute__((always_inline)) void sleep_us(long us)
{
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    (void)call(SYS_nanosleep, (long)&time, 0, 0, 0);
}

static __attribute__((noinline)) void sleep_short(void)
{
    sleep_us(30);
    __asm__ volatile("");
}

static __attribute__((noinline)) void sleep_long(void)
{
    sleep_us(300);
    __asm__ volatile("");
}

static void announce(const char *name, void (*function)(void))
{
    (void)printf("%s %lx\n", name, (unsigned long)(uintptr_t)function);
    (void)fflush(stdout);
}

/* COUNT long ones; before each, `times` short ones. */
static void alternate(int count, int times)
{
    (void)prctl(PR_SET_TIMERSLACK, 1);
    announce("short", sleep_short);
    announce("long", sleep_long);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < times; k++)
            sleep_short();
        sleep_long();
    }
}

static void *echo(void *unused)
{
    char byte;

    while (read(pipes[0][0], &byte, 1) == 1 && write(pipes[1][1], &byte, 1) == 1)
        ;
    return unused;
}

/* COUNT short waits for an answer, then one long sleep. */
static void lone_sleep(int count)
{
    pthread_t thread;
    char byte = 0;

    if (pipe(pipes[0]) < 0 || pipe(pipes[1]) < 0 || pthread_create(&thread, NULL, echo, NULL) != 0)
        abort();
    for (int i = 0; i < count; i++)
        if (write(pipes[0][1], &byte, 1) != 1 || read(pipes[1][0], &byte, 1) != 1)
            abort();
    sleep_us(300000);
    (void)close(pipes[0][1]);
    (void)pthread_join(thread, NULL);
}

static __attribute__((noinline)) void wait_here(void)
{
    __asm__ volatile("" ::"r"(__builtin_frame_address(0))); /* has a frame although it calls nobody */
    (void)call(SYS_futex, (long)&word, 0, 0, 0);            /* FUTEX_WAIT for as long as it is 0 */
    __asm__ volatile("");
}

static __attribute__((noinline)) void wake_here(void)
{
    (void)call(SYS_futex, (long)&word, 1, 1, 0); /* FUTEX_WAKE */
    __asm__ volatile("");
}

static void *wait_for_word(void *unused)
{
    wait_here();
    return unused;
}

static void waker(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_word, NULL) != 0)
        abort();
    sleep_us(200000);
    word = 1;
    wake_here();
    (void)pthread_join(thread, NULL);
}

static void *hold_mutex(void *unused)
{
    (void)pthread_mutex_lock(&mutex);
    word = 1;
    sleep_us(300000);
    (void)pthread_mutex_unlock(&mutex);
    return unused;
}

static void owner(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, hold_mutex, NULL) != 0)
        abort();
    while (!__atomic_load_n(&word, __ATOMIC_ACQUIRE))
        ;
    (void)pthread_mutex_lock(&mutex);
    (void)pthread_mutex_unlock(&mutex);
    (void)pthread_join(thread, NULL);
}

static void connects(int count, const char *port, int family)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    six.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    if (family == 46) { /* IPv4 by way of an IPv6 socket */
        (void)inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr);
        family = AF_INET6;
    }
    for (int i = 0; i < count; i++) {
        int fd = socket(family, SOCK_STREAM, 0);

        if (family == AF_INET6)
            (void)!connect(fd, (const struct sockaddr *)&six, sizeof(six));
        else
            (void)!connect(fd, (const struct sockaddr *)&four, sizeof(four));
        (void)close(fd);
    }
}

/* 1,000 writes of 1 KiB; 10 reads of 4 KiB beyond what starting takes. */
static void io(void)
{
    static char block[4096];
    int out = open("/dev/null", O_WRONLY | O_CLOEXEC), in = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    for (int i = 0; i < 1000; i++)
        if (write(out, block, 1024) != 1024)
            abort();
    for (int i = 0; i < 10; i++)
        if (read(in, block, sizeof(block)) != (ssize_t)sizeof(block))
            abort();
}

/* Half a second of CPU time, however long that takes. */
static __attribute__((noinline)) void burn(void)
{
    struct timespec used;

    do {
        for (volatile int i = 0; i < 100000; i++)
            ;
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec == 0 && used.tv_nsec < 500000000);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int count = argc > 2 ? atoi(argv[2]) : 0;

    if (strcmp(mode, "alternate") == 0)
        alternate(count, 1);
    else if (strcmp(mode, "ten-to-one") == 0)
        alternate(count, 10);
    else if (strcmp(mode, "lone-sleep") == 0)
        lone_sleep(count);
    else if (strcmp(mode, "waker") == 0)
        waker();
    else if (strcmp(mode, "owner") == 0)
        owner();
    else if (strcmp(mode, "connect") == 0 && argc == 4)
        connects(count, argv[3], AF_INET);
    else if (strcmp(mode, "connect6") == 0 && argc == 4)
        connects(count, argv[3], AF_INET6);
    else if (strcmp(mode, "connect46") == 0 && argc == 4)
        connects(count, argv[3], 46);
    else if (strcmp(mode, "io") == 0)
        io();
    else if (strcmp(mode, "burn") == 0)
        burn();
    else
        return 2;
    return 0;
}
