"""Every limit of ECM, in one place, each with its reason."""

from typing import Final

# The link.

# Bytes of one packet on the link, header included. ejabberd's own default for what a BOSH session
# may put into one body has no bound; 1 MiB is far above what a chat sends, and far below what one
# client could use to hurt the others on the same link.
MAX_PACKET: Final = 1024 * 1024

# Bytes of an answer that comes in parts: a roster of 70,000 contacts, or a page of an archive with
# images. The browser has to hold it as well.
MAX_CONTENT: Final = 16 * 1024 * 1024

# Answers that come in parts at the same time on one link. What has come of them is held, so that it
# is four times the length of one, at most.
MAX_PARTIAL_ANSWERS: Final = 4

# Bytes that wait to be sent on the link. A link that is that far behind is seconds behind, and more
# would only be memory: it is better to let the clients wait.
MAX_QUEUE: Final = 8 * 1024 * 1024

# Seconds for which requests may wait while the link is that far behind, or is not there. Below the
# 20 to 60 seconds after which web clients give up on a request by themselves.
QUEUE_TIMEOUT: Final = 10

# Bytes of memory of the requests that wait for that, and what each takes beside its line and its
# body. It is enough for 48,000 polls.
MAX_QUEUED_BYTES: Final = 32 * 1024 * 1024
QUEUED_REQUEST_SIZE: Final = 512

# Seconds between attempts to reach ejabberd: the first, the factor by which they grow, the last.
# The last is short, because people are waiting, and one link costs ejabberd nothing.
RECONNECT_DELAY_MIN: Final = 0.25
RECONNECT_FACTOR: Final = 1.6
RECONNECT_DELAY_MAX: Final = 5.0

# Seconds, at most, that are added to each pause at random, so that many front ends do not all come
# back in the same moment.
RECONNECT_JITTER: Final = 0.5

# Bytes of the first line of a typed content. Only hello with a long name comes near it.
MAX_LINE: Final = 1024

# Bytes that a packet needs beside a request's body: its header, and the line with an IPv6 address.
REQUEST_OVERHEAD: Final = 128

# Seconds in which hello has to be answered. A busy ejabberd answers within one; clients that wait
# for the link are answered 503 meanwhile.
HELLO_TIMEOUT: Final = 5

# Seconds in which TLS has to be agreed upon on the link, as mod_ecm has it.
HANDSHAKE_TIMEOUT: Final = 10

# Seconds between pings. Firewalls and NATs forget connections after minutes.
PING_INTERVAL: Final = 10

# Seconds without a byte from ejabberd after which the link is given up. Three pings, and still less
# than the minute after which most clients give up on a request.
LINK_TIMEOUT: Final = 30

# Pings within a second that are answered. A side needs one in some seconds.
MAX_PINGS: Final = 100

# Bytes of a link's secret. Less could be guessed from one proof.
MIN_SECRET: Final = 16

# Requests.

# Bytes of a request's target and headers. Browsers send 0.5-1 kB and cookies of at most 4 kB each;
# Apache takes 8 kB a line, nginx 32 kB in all, Node.js 16 kB in all.
MAX_HEADER_SIZE: Final = 16 * 1024

# Header fields of a request. Browsers send about 15, proxies add some; Apache takes 100.
MAX_HEADERS: Final = 64

# Bytes of a request's body. ejabberd takes stanzas of 256 kB at most as Debian configures it, and
# nginx bodies of 1 MB.
MAX_BODY: Final = 256 * 1024

# Bytes of a body above that which are carried all the same: its start tag, which says whose session
# it is for and which request of that.
TRUNCATED_BODY: Final = 4 * 1024

# Bytes of memory for the heads of requests that are remembered, and the bytes of each, at most. A
# few hundred are in use at a time, one for each kind of browser and length of body, of 3 kB each.
MAX_CACHED_HEADS: Final = 4 * 1024 * 1024
MAX_CACHED_HEAD: Final = 2 * 1024

# Requests of one connection that are in flight. BOSH clients have two, or three while they end a
# session; a client that pipelines more waits.
MAX_PIPELINED: Final = 4

# Bytes that a request which is not complete takes beside its own: the parser, above all.
PARTIAL_SIZE: Final = 4 * 1024

# Bytes that may wait to be sent to a client, beside what the kernel has taken, before the client is
# read no more: its next requests would only add to them.
MAX_UNSENT: Final = 64 * 1024

# Bytes, in each worker, of all that connections hold: parts of requests, requests that wait,
# answers that wait or are not taken. 0 is a quarter of the memory that is free when ECM starts,
# divided among the workers: ejabberd and the kernel need theirs, too. Less than the least would end
# those who do nothing wrong, but take some long answers.
MAX_BUFFERED: Final = 0
BUFFERED_PART: Final = 4
MIN_BUFFERED: Final = 64 * 1024 * 1024

# The same for all workers, where the kernel does not say how much is free.
BUFFERED_WITHOUT_MEMINFO: Final = 256 * 1024 * 1024

# The part of it that is left when some had to let go. To look for the largest is work in proportion
# to all that hold something: it is not to be done again for the next packet.
LOW_WATER: Final = 7 / 8

# Bytes that the kernel takes for a client before it reads; it counts twice as many, for what is
# around them. Left to itself it takes 4 MB. An answer of 256 kB takes no more CPU with this, and
# 128 kB in each round trip are 1 MB/s over 100 ms. Much less would wait for delayed
# acknowledgements on loopback, where a segment has 64 kB.
SEND_BUFFER: Final = 128 * 1024

# What is sent on a connection before it is looked at whether the client takes it, in units of 256
# bytes: 16 kB. To look takes two system calls.
LOOK_AFTER: Final = 64

# Connections.

# Connections in all. 0 is as many as there may be open files, but for some that are kept back: for
# the link, the log, the ports, the files of --www, and for those that are told that they are too
# many.
MAX_CONNECTIONS: Final = 0
RESERVED_FILES: Final = 128

# Bytes of a file of --www that are read at a time: as many as Twisted keeps of what a client does
# not take. What is not longer is closed at once.
FILE_CHUNK: Final = 64 * 1024

# Longer files of --www that are open at once, a quarter of the files that are kept back. What comes
# on top is answered 503, for a client that does not read keeps one open.
MAX_OPEN_PAGES: Final = RESERVED_FILES // 4

# Connections that wait in the kernel to be accepted, where an endpoint does not say. After a
# restart everybody comes at once, and Twisted's 50 would cost most of them seconds. The kernel
# takes no more than net.core.somaxconn, whose default is this.
BACKLOG: Final = 4096

# Connections beyond the limit that are told so, another quarter; what comes on top of these is cut
# at once.
MAX_REJECTED: Final = RESERVED_FILES // 4

# Seconds that a connection has to have been idle before it makes way for another, when there are as
# many as there may be. The first request of a new one is on its way, and takes a second at most.
MIN_IDLE: Final = 2

# Connections from one address. 0 is no limit: an office or a mobile carrier shares an address.
MAX_CONNECTIONS_PER_ADDRESS: Final = 0

# Seconds for the head of a request, from its first byte, and for a TLS handshake. nginx gives 60,
# HAProxy's examples 10.
HEADER_TIMEOUT: Final = 10

# Seconds for the body of a request, from the end of its head: 256 kB at 70 kbit/s.
BODY_TIMEOUT: Final = 30

# Seconds in which a client has to take what it is sent, before the connection is cut; the same
# again for each 64 kB, for what is slower than 20 kbit/s is of no use for a chat.
SEND_TIMEOUT: Final = 30
SEND_SIZE: Final = 64 * 1024

# Seconds that a connection may be idle between requests. Browsers close theirs after 60 to 300;
# nginx waits 75.
IDLE_TIMEOUT: Final = 75

# Seconds in which a client that has closed its end may be answered. It looks the same as one that
# has gone, and of that ejabberd has to hear soon, lest it answers a request behind which is nobody.
HALF_CLOSE_TIMEOUT: Final = 2

# Bytes of a PROXY header. Its addresses are 52 bytes at most; the rest is for extensions, of which
# certificates are the longest. HAProxy's specification wants 536 bytes to be taken.
MAX_PROXY_HEADER: Final = 4 * 1024

# Seconds, at most, that ECM waits for the requests in flight when it is told to stop.
DRAIN_TIMEOUT: Final = 20

# Seconds from the last answer to the end of the connection, at most, when ECM stops.
CLOSE_TIMEOUT: Final = 2

# Workers.

# More than any machine has cores for, and each has its own link, which ejabberd pays for.
MAX_WORKERS: Final = 1024

# Seconds before a worker that has ended is replaced: none after a steady one, then the first, each
# time twice as many, up to the last. A worker that ran for long has died of something rare.
RESPAWN_DELAY_MIN: Final = 0.5
RESPAWN_DELAY_MAX: Final = 30.0
MIN_UPTIME: Final = 60.0

# Seconds for the process that workers come from to start, on a busy machine too. It takes one.
FORK_SERVER_TIMEOUT: Final = 60

# Connections that are accepted at a time, before the log and the workers are listened to.
ACCEPT_BATCH: Final = 100

# Seconds after which a connection is offered to the workers again that none of them could take, as
# each had hundreds to look at already.
ACCEPT_RETRY: Final = 0.05

# Bytes of a line of a worker's log. What is longer comes in pieces.
MAX_LOG_LINE: Final = 64 * 1024

# Answers.

# Seconds that a client which was answered 503 is asked to wait (RFC 9110, section 10.2.3). About
# what ejabberd needs to start.
RETRY_AFTER: Final = 5

# Seconds for which a browser may remember the answer to a preflight request. Chromium caps it at
# two hours, Firefox at a day.
CORS_MAX_AGE: Final = 86_400

# Bytes of a Content-Type that a client may ask for. Twice what any media type needs.
MAX_CONTENT_TYPE: Final = 128

# Heads of answers that are remembered, by status and by the Content-Type that is asked for. A few
# are in use; clients may make up others.
MAX_CACHED_ANSWERS: Final = 64

# Ranges of options.

# A session creation request with its attributes, and a SASL exchange with a token, must fit.
MIN_PACKET_LIMIT: Final = 4 * 1024

# The length field of a packet has ten digits.
MAX_PACKET_LIMIT: Final = 9_999_999_999

# Anything above ten digits is a typing error.
MAX_NUMBER: Final = 9_999_999_999

# A day. Whoever gives more has mistaken the unit.
MAX_TIMEOUT: Final = 86_400
