/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Asks a service thirty times, one question after the other, over one connection each.
 *
 * run: {bin}
 * server: delay
 * expect: model=threads|coroutines finding=CA3001
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUESTIONS 30

static unsigned port;

/* @return bytes of the answer; -1: none */
static long ask(void)
{
    static const char request[] = "GET /delay/40 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char answer[4096];
    long n, bytes = -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        write(fd, request, sizeof(request) - 1) == sizeof(request) - 1)
        for (bytes = 0; (n = read(fd, answer, sizeof(answer))) > 0;)
            bytes += n;
    if (fd >= 0)
        (void)close(fd);
    return bytes;
}

int main(void)
{
    const char *url = getenv("CONCADVISE_DELAY_URL"), *colon = url ? strrchr(url, ':') : NULL;
    long sum = 0;

    port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    for (int i = 0; i < QUESTIONS; i++)
        sum += ask();
    (void)printf("%ld\n", sum);
    return sum > 0 ? 0 : 1;
}
