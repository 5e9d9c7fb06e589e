/* Clients that each ask, wait for the answer and ask again: `askers PORT COUNT HEAD BODY`.
 *
 * They ask from a line `ask` on stdin until a line `stop`; once the last answer has come then, the
 * number of all answers so far is printed. The end of stdin ends it, and so does an answer that is
 * not 200 with BODY, with one line. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ROOM = 4096, EVENTS = 256 };

static const char OK[] = "HTTP/1.1 200 ";

struct client {
    int descriptor;
    size_t size;
    char received[ROOM];
};

static char *request;
static const char *body;
static size_t request_size, body_size;
static struct client *clients;
static int count, in_flight, asking;
static long answers;

static void fail(const char *what, const char *why, size_t size)
{
    fprintf(stderr, "askers: %s: %.*s\n", what, (int)size, why);
    exit(1);
}

static int connected(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int descriptor = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        fail("the front end does not let a client in", "", 0);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return descriptor;
}

static void ask(struct client *client)
{
    client->size = 0;
    if (write(client->descriptor, request, request_size) != (ssize_t)request_size)
        fail("the front end has closed a connection", "", 0);
}

static int complete(const struct client *client)
{
    if (client->size < strlen(OK) + body_size)
        return 0;
    if (memcmp(client->received, OK, strlen(OK)) != 0)
        fail("an answer is not 200", client->received, client->size);
    return memcmp(client->received + client->size - body_size, body, body_size) == 0;
}

static void take(struct client *client)
{
    size_t room = ROOM - client->size;
    ssize_t size = read(client->descriptor, client->received + client->size, room);
    if (size <= 0)
        fail("the front end has closed a connection", client->received, client->size);
    client->size += size;
    if (!complete(client))
        return;
    answers++;
    if (asking) {
        ask(client);
    } else if (--in_flight == 0) {
        printf("%ld\n", answers);
        fflush(stdout);
    }
}

/* Returns whether to go on. */
static int obey(void)
{
    char line[64];
    ssize_t size = read(STDIN_FILENO, line, sizeof line);
    asking = size == 4 && memcmp(line, "ask\n", 4) == 0;
    if (asking) {
        in_flight = count;
        for (int at = 0; at < count; at++)
            ask(&clients[at]);
    }
    return size > 0;
}

static int watch(int poll, int descriptor, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    return epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

static void run(int poll)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int found = epoll_wait(poll, events, EVENTS, -1);
        for (int at = 0; at < found; at++) {
            if (events[at].data.ptr != NULL)
                take(events[at].data.ptr);
            else if (!obey())
                return;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        fail("usage", "askers PORT COUNT HEAD BODY", 64);
    count = atoi(argv[2]);
    body = argv[4];
    body_size = strlen(body);
    request_size = asprintf(&request, "%s%s", argv[3], body);
    clients = calloc(count, sizeof *clients);
    int poll = epoll_create1(0);
    for (int at = 0; at < count; at++) {
        clients[at].descriptor = connected(atoi(argv[1]));
        watch(poll, clients[at].descriptor, &clients[at]);
    }
    watch(poll, STDIN_FILENO, NULL);
    run(poll);
    return 0;
}
