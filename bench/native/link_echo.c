/* The other end of ECM's link: answers each request with its own body, as testkit/servers/link_echo.py does. A link
 * is typed if `hello` comes first (docs/protocol.md). */

#define _GNU_SOURCE
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 32, LENGTH = 10 };

/* The nonce is not random, as nobody proves anything here. */
static const char HELLO[] = "hello version=1 role=ejabberd instance=echo max-packet=1048576"
                            " nonce=00000000000000000000000000000000";

static enum { NOT_KNOWN, PLAIN, TYPED } form;

static int begins(const char *bytes, size_t size, const char *word)
{
    return size >= strlen(word) && memcmp(bytes, word, strlen(word)) == 0;
}

/* A packet under the ID of the one that it answers. */
static void packet(struct buffer *answers, const char *asked, const char *type, const char *rest,
                   size_t size)
{
    char length[LENGTH + 1];
    snprintf(length, sizeof length, "%010zu", HEADER + strlen(type) + size);
    append(answers, length, LENGTH);
    append(answers, asked + LENGTH, HEADER - LENGTH);
    append(answers, type, strlen(type));
    append(answers, rest, size);
}

static void answer_typed(struct buffer *answers, const char *asked, size_t size)
{
    const char *content = asked + HEADER, *end = asked + size;
    size -= HEADER;
    if (begins(content, size, "request ")) {
        const char *line_end = memchr(content, '\n', size);
        const char *body = line_end ? line_end + 1 : end;
        packet(answers, asked, "answer 200\n", body, end - body);
    } else if (begins(content, size, "ping ")) {
        packet(answers, asked, "pong ", content + 5, size - 5);
    } else if (begins(content, size, "hello ")) {
        packet(answers, asked, HELLO, "", 0);
    }
}

size_t take(char *bytes, size_t size, struct buffer *answers)
{
    if (size < HEADER)
        return 0;
    size_t length = strtoul(bytes, NULL, 10);
    if (length > size)
        return 0;
    if (form == NOT_KNOWN)
        form = begins(bytes + HEADER, length - HEADER, "hello ") ? TYPED : PLAIN;
    if (form == PLAIN)
        append(answers, bytes, length);
    else
        answer_typed(answers, bytes, length);
    return length;
}

int main(void) { return serve(); }
