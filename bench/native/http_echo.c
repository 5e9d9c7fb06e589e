/* The server behind a reverse proxy: answers each POST with its own body, as ECM answers when the
 * other end of its link does so. */

#define _GNU_SOURCE
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Header lines as ECM has them; HAProxy and nginx pass them on. */
static const char HEAD[] = "HTTP/1.1 200 OK\r\n"
                           "Content-Type: text/xml; charset=utf-8\r\n"
                           "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                           "Access-Control-Allow-Origin: *\r\n"
                           "Content-Length: ";

static const char LENGTH[] = "\r\ncontent-length:";

size_t take(char *bytes, size_t size, struct buffer *answers)
{
    char number[32], *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    *end = '\0';
    const char *field = strcasestr(bytes, LENGTH);
    *end = '\r';
    size_t head = end + 4 - bytes;
    size_t length = field ? strtoul(field + strlen(LENGTH), NULL, 10) : 0;
    if (length > size - head)
        return 0;
    append(answers, HEAD, strlen(HEAD));
    append(answers, number, snprintf(number, sizeof number, "%zu\r\n\r\n", length));
    append(answers, bytes + head, length);
    return head + length;
}

int main(void) { return serve(); }
