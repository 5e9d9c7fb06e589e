#define _GNU_SOURCE
#include "serve.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { DESCRIPTORS = 20000, EVENTS = 256 };

static struct buffer *connections[DESCRIPTORS];
static struct buffer answers;

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

void append(struct buffer *to, const char *bytes, size_t size)
{
    if (size > ROOM - to->size) {
        fputs("an answer is too long\n", stderr);
        exit(1);
    }
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void send_answers(int descriptor)
{
    size_t sent = 0;
    while (sent < answers.size) {
        ssize_t size = write(descriptor, answers.bytes + sent, answers.size - sent);
        if (size < 0)
            break; /* it has gone, as the next read will say */
        sent += size;
    }
    answers.size = 0;
}

static void answer(int descriptor, struct buffer *received)
{
    size_t start = 0, used;
    while ((used = take(received->bytes + start, received->size - start, &answers)) > 0) {
        start += used;
        if (answers.size > ROOM / 2)
            send_answers(descriptor);
    }
    send_answers(descriptor);
    received->size -= start;
    memmove(received->bytes, received->bytes + start, received->size);
}

static void receive(int descriptor)
{
    struct buffer *received = connections[descriptor];
    size_t room = ROOM - received->size;
    ssize_t size = read(descriptor, received->bytes + received->size, room);
    if (size <= 0) {
        free(received);
        connections[descriptor] = NULL;
        close(descriptor);
        return;
    }
    received->size += size;
    answer(descriptor, received);
}

static void watch(int poll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    check(epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
}

static void welcome(int poll, int port)
{
    int descriptor = accept(port, NULL, NULL), yes = 1;
    check(descriptor, "accept");
    check(descriptor < DESCRIPTORS ? 0 : -1, "descriptors");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections[descriptor] = malloc(sizeof(struct buffer));
    connections[descriptor]->size = 0;
    watch(poll, descriptor);
}

static int listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int port = socket(AF_INET, SOCK_STREAM, 0);
    check(bind(port, (struct sockaddr *)&address, size), "bind");
    check(listen(port, 4096), "listen");
    check(getsockname(port, (struct sockaddr *)&address, &size), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return port;
}

int serve(void)
{
    struct epoll_event events[EVENTS];
    int port = listening(), poll = epoll_create1(0);
    watch(poll, port);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int at = 0; at < count; at++) {
            if (events[at].data.fd == port)
                welcome(poll, port);
            else
                receive(events[at].data.fd);
        }
    }
}
