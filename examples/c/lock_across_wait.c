/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Eight threads ask a slow server, each over its own connection, but hold the lock of a shared cache while they wait.
 *
 * Folklore: eight threads wait for eight answers at once. Measured: one at a time. Taking the lock after the answer
 * has come makes it about eight times as fast; a change of model would not help.
 *
 * run: {bin}
 * server: delay
 * expect: model=threads change=fix finding=CA2201
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 8
#define REQUESTS_PER_THREAD 8

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t cached_bytes;
static uint16_t server_port;

static int connect_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* One request, one answer small enough to come in one piece. */
static size_t fetch(int fd)
{
    static const char request[] = "GET /delay/20/64 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[1024];
    ssize_t n = -1;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0)
        n = recv(fd, answer, sizeof(answer), 0);
    return n > 0 ? (size_t)n : 0;
}

static void *client(void *arg)
{
    int fd = connect_server();

    (void)arg;
    for (int i = 0; fd >= 0 && i < REQUESTS_PER_THREAD; i++) {
        (void)pthread_mutex_lock(&cache_lock);
        cached_bytes += fetch(fd); /* the flaw: the wait is inside the lock */
        (void)pthread_mutex_unlock(&cache_lock);
    }
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    const char *url = getenv("CONCADVISE_DELAY_URL");
    const char *port = url ? strrchr(url, ':') : NULL;

    if (!port) {
        (void)fprintf(stderr, "needs the delay server: run examples/with_server lock_across_wait\n");
        return 2;
    }
    server_port = (uint16_t)strtoul(port + 1, NULL, 10);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, client, NULL))
            return 1;
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("%zu bytes\n", cached_bytes);
    return cached_bytes ? 0 : 1;
}
