"""Limits of what a server may send. Whoever tries a server does not know it yet."""

# Bytes of the head of an answer, and of a line or the trailer of its chunks. Proxies take 8 to 32
# kB. Asyncio keeps twice as much of what comes faster than it is read.
MAX_HEAD = 64 * 1024

# Answers before the one that counts (RFC 9110, section 15.2). One is usual.
MAX_INTERIM = 8

# Bytes of the body of an answer, unpacked: the roster of 20,000 contacts.
MAX_BODY = 4 * 1024 * 1024

# Bytes of all answers of a script, which are kept to its end, and what each element takes in
# memory, beside them. The longest script has some hundred answers of less than a kilobyte.
MAX_ANSWERS = 16 * 1024 * 1024
ELEMENT_SIZE = 100

# Elements and attributes of an answer, and how deep they lie. A message has about ten.
MAX_ELEMENTS = 20_000
MAX_DEPTH = 100

# Characters of what a server says of its session, as its SID, which is repeated in each request. A
# JID has 3,071 bytes at most (RFC 7622, section 3.1).
MAX_VALUE = 4 * 1024

# Seconds that a script waits at most beyond --longest, for what a server announces and more.
MAX_SLACK = 10
