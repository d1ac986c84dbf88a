/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An epoll server to which nobody talks; it gives up after 1.5 s.
 *
 * Folklore: "blocked 100 % of the time" looks like a program that waits for I/O and wants coroutines. Measured: nothing
 * was outstanding. There is no verdict about an idle server: drive load while measuring.
 *
 * run: {bin}
 * expect: model=none finding=CA9003
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_MS 100
#define TURNS 15

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN};
    int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int served = 0;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listen_fd < 0 || epoll_fd < 0 || bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) ||
        listen(listen_fd, 16) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event))
        return 1;
    for (int turn = 0; turn < TURNS; turn++) {
        if (epoll_wait(epoll_fd, &event, 1, TURN_MS) == 1) {
            int fd = accept(listen_fd, NULL, NULL);

            if (fd >= 0) {
                (void)close(fd);
                served++;
            }
        }
    }
    (void)printf("served %d\n", served);
    return 0;
}
