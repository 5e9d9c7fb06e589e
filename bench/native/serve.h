/* A server on a free port of 127.0.0.1, in one thread: what both native servers have in common. */

#include <stddef.h>

enum { ROOM = 256 * 1024 };

/* Bytes of one connection. */
struct buffer {
    size_t size;
    char bytes[ROOM];
};

/* Takes the first request off `size` bytes, and appends its answer, if it gets one. Returns how many
 * bytes it was, and 0 where it is not complete. */
size_t take(char *bytes, size_t size, struct buffer *answers);

void append(struct buffer *answers, const char *bytes, size_t size);

/* Prints the port, and serves until the process is stopped. */
int serve(void);
