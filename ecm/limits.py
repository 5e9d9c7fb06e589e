"""All limits of ECM, each with its reason. docs/configuration.md shows those that are options."""

from typing import Final

# The link.

# Bytes of a packet on the link, with its header. ejabberd has no limit for what a BOSH session
# may put into one body. 1 MiB is far above what a chat sends, and far below what one client would
# need to slow down the others on the same link.
MAX_PACKET: Final = 1024 * 1024

# Bytes of an answer in parts. It is enough for a roster of 70,000 contacts, or a page of an archive
# with images. A browser must hold it in memory, too.
MAX_CONTENT: Final = 16 * 1024 * 1024

# Answers in parts at the same time on one link. ECM buffers their parts: at most four times
# MAX_CONTENT.
MAX_PARTIAL_ANSWERS: Final = 4

# High-water mark of a link's send queue in bytes. A link with that much to send is seconds behind.
# A longer queue would only take memory; back-pressure on the clients is better.
MAX_QUEUE: Final = 8 * 1024 * 1024

# Seconds after which a link's send queue is full, too, however little is in it: the oldest packet
# has waited for so long. 8 MiB on a link of 20 kB/s would be 400 seconds.
MAX_QUEUE_AGE: Final = 5

# Packets and bytes after whose receipt a side acknowledges at once, and not within a second: few
# enough for a short send queue at the other end, many enough to cost nothing.
ACK_PACKETS: Final = 128
ACK_BYTES: Final = 64 * 1024

# Seconds that a link is kept without a connection. A restart of a switch or a failover takes less.
# Web clients hold on for longer: they repeat a request after 60 seconds or more.
LINK_GRACE: Final = 30

# Bytes of messages on a stream that one end may have sent before the other has taken them: what a
# client that does not read may cost, beside what its transport holds. ECM and ejabberd are a
# millisecond apart or less, and 64 kB in each are more than any client reads.
STREAM_WINDOW: Final = 64 * 1024

# Seconds between two questions for the numbers of a node, at least. Monitoring asks every 15
# seconds or so. Each link asks, and an answer takes ejabberd some microseconds and has 3 kB.
STATS_INTERVAL: Final = 10

# Bytes of what ejabberd tells at a time of its node or of sessions, of a line of it, its numbers
# and its sessions: some times what mod_ecm has to tell.
MAX_TOLD: Final = 64 * 1024
MAX_TOLD_LINE: Final = 8 * 1024
MAX_TOLD_NUMBERS: Final = 512
MAX_TOLD_SESSIONS: Final = 20

# Questions about sessions that wait for their answers, and the seconds for which one waits: an
# operator asks one at a time. mod_ecm answers within a second, whatever other nodes do.
MAX_QUESTIONS: Final = 16
INSPECT_TIMEOUT: Final = 2

# Nodes of ejabberd that one ECM may be linked to. The IDs of connections are divided among them,
# and each link takes an open file of the reserve.
MAX_NODES: Final = 32

# Times that ejabberd may give back a request whose session is on another node. It does so once, and
# passes on what it gets then. A mod_ecm with a fault would have it travel for ever.
MAX_REDIRECTS: Final = 3

# Seconds between look-ups of names that stand for nodes (--upstream dns: or srv:); and look-ups in
# a row that do not find a node any more, after which it is taken for gone. Name servers answer with
# some of many addresses, or with old ones.
LOOKUP_INTERVAL: Final = 5
LOOKUPS_MISSED: Final = 3

# Seconds that a node which has gone may take to answer the requests in flight. Held requests are
# answered within the 60 seconds of `wait`.
LEAVE_TIMEOUT: Final = 75

# Seconds after which a node gets no newcomers that has acknowledged nothing, while others do: it
# should take one.
SILENT_FOR: Final = 2

# Seconds after which a node is dead whose link is broken, while other nodes are up: where nobody
# listens any more, or where nothing answers. Its clients are told to ask again, and the others
# answer. A listener of ejabberd that is started anew is back within one. Where nothing answers, a
# new connection takes CONNECT_TIMEOUT; but where the link was silent for the link timeout before it
# broke, all of this time was an outage, and one second more tells whether it goes on.
NODE_DEAD_AFTER: Final = 2
NODE_UNREACHABLE_AFTER: Final = 5
NODE_SILENT_AFTER: Final = 1

# Seconds that a request may wait while the link is down or congested. Strophe gives up on a request
# after 66 seconds, and ends its session after five errors in a row: one error for nearly each
# minute keeps it for minutes, five errors at once do not.
QUEUE_TIMEOUT: Final = 55

# Seconds without a link, or with none but full ones, after which a balancer is told to send clients
# elsewhere. A link that is cut is up again, and a full one writable, before their clients see it.
NO_LINK_FOR: Final = 1
FULL_FOR: Final = 4

# Bytes of memory of the requests that wait for a link, and the overhead of each beside its line and
# its body. It is enough for 48,000 polls. Above the high-water mark ECM stops reading from clients,
# until the low-water mark: the rest is for requests that have been read already.
MAX_QUEUED_BYTES: Final = 32 * 1024 * 1024
QUEUED_REQUEST_SIZE: Final = 512
QUEUED_HIGH_WATER: Final = 3 / 4
QUEUED_LOW_WATER: Final = 1 / 2

# Requests that are refused within a second when their link is lost for good, at least, and the
# seconds in which all are. Clients that repeat a request at once come back as slowly as that.
REFUSALS: Final = 200
REFUSAL_TIME: Final = 5

# The same for streams, whose clients log in again: 100,000 at the pace of ejabberd, about a
# thousand logins a second, whether they are those of one ECM or of several workers.
STREAM_REFUSALS: Final = 200
STREAM_REFUSAL_TIME: Final = 100

# Seconds between attempts to connect to ejabberd: the first pause, the factor by which pauses grow,
# the longest while clients wait, the attempt after which they grow further, and the longest then.
# They are short, because people are waiting, and one link costs ejabberd little.
RECONNECT_DELAY_MIN: Final = 0.05
RECONNECT_FACTOR: Final = 1.6
RECONNECT_DELAY_WAITING: Final = 0.8
RECONNECT_ATTEMPTS: Final = 40
RECONNECT_DELAY_MAX: Final = 5.0

# Reasons for which there is no link that are logged, until there is one again. Real ones are few;
# what another program says there may differ each time.
MAX_NO_LINK_REASONS: Final = 10

# Random jitter that is added to each pause, at most, as a part of it, so that several ECMs do not
# all reconnect in the same moment.
RECONNECT_JITTER: Final = 0.25

# Links that may break as soon as they are established before a brake holds, and those in a second
# then. A link that is cut every few seconds for a minute never meets it. One that always breaks at
# once would cost both ends 20 handshakes and 80 lines of their logs a second.
RECONNECT_BURST: Final = 20
RECONNECT_RATE: Final = 1.0

# Seconds for a connection to ejabberd to be made. The kernel repeats the first packet after one
# second and after three; where packets are dropped, a new attempt is sooner than its third.
CONNECT_TIMEOUT: Final = 3

# Bytes of the first line of a typed content. Only hello with a long name comes near it.
MAX_LINE: Final = 1024

# Bytes that a packet needs beside a request's body: its header, and the line with an IPv6 address.
REQUEST_OVERHEAD: Final = 128

# Seconds to wait for the answer to hello. A busy ejabberd answers within one, and clients that wait
# for the link get 503 meanwhile.
HELLO_TIMEOUT: Final = 5

# Seconds for the TLS handshake of a link. mod_ecm has the same limit.
HANDSHAKE_TIMEOUT: Final = 10

# Seconds between pings. Firewalls and NATs forget connections after minutes.
# They also find a connection that is dead in one direction.
PING_INTERVAL: Final = 3

# Seconds without a byte from ejabberd after which ECM connects again. It is three times the ping
# interval. A link that resumes loses nothing by it, and its clients have waited long enough.
LINK_TIMEOUT: Final = 10

# Pings that a side answers within a second. The other side needs one in several seconds.
MAX_PINGS: Final = 100

# Bytes of a link's secret. An attacker could guess a shorter one from one response.
MIN_SECRET: Final = 16

# Requests.

# Bytes of a request line with all headers. Browsers send 0.5 to 1 kB, and cookies of up to 4 kB
# each. Apache accepts 8 kB per line, nginx 32 kB in all, Node.js 16 kB in all.
MAX_HEADER_SIZE: Final = 16 * 1024

# Headers of a request. Browsers send about 15, and proxies add some. Apache accepts 100.
MAX_HEADERS: Final = 64

# Bytes of a request's body, or of a WebSocket message. ejabberd as Debian configures it accepts
# stanzas of up to 256 kB, nginx bodies of up to 1 MB.
MAX_BODY: Final = 256 * 1024

# Bytes that ECM forwards of a body above that: its start tag, which names the session and the
# request.
TRUNCATED_BODY: Final = 4 * 1024

# Bytes of memory of the cache of request heads, and of a head in it. A few hundred heads of 3 kB
# are in use at a time, one for each kind of browser and length of body.
MAX_CACHED_HEADS: Final = 4 * 1024 * 1024
MAX_CACHED_HEAD: Final = 2 * 1024

# Requests in flight on one connection. BOSH clients have two, or three while they end a session. A
# client that pipelines more must wait.
MAX_PIPELINED: Final = 4

# Bytes of overhead of a partial request, mainly its parser.
PARTIAL_SIZE: Final = 4 * 1024

# Bytes of overhead of a WebSocket message that is not whole, mainly its decoder.
DECODER_SIZE: Final = 512

# Bytes that wait to be sent to a client, beside those in the kernel, above which ECM stops reading
# from it: its next requests would only add to them.
MAX_UNSENT: Final = 64 * 1024

# Bytes of packets that are gathered for ejabberd within a turn before they are sent in one piece. A
# larger piece would gain nothing.
MAX_GATHERED: Final = 64 * 1024

# Bytes that all connections of a worker hold: partial requests and messages, those that wait,
# answers that wait, and whatever clients have not read. 0 is a quarter of the memory that is
# available at start-up, divided among the workers; ejabberd and the kernel need memory, too. With
# less than the minimum, ECM would drop clients that only read some long answers.
MAX_BUFFERED: Final = 0
BUFFERED_PART: Final = 4
MIN_BUFFERED: Final = 64 * 1024 * 1024

# The same for all workers together, if the kernel does not say how much memory is available.
BUFFERED_WITHOUT_MEMINFO: Final = 256 * 1024 * 1024

# Low-water mark of MAX_BUFFERED, as a part of it: ECM sheds load down to this. The search for the
# largest holders takes time in proportion to their number, and should not run for each packet.
LOW_WATER: Final = 7 / 8

# Send buffer of a client's socket in bytes; the kernel reserves twice as many for its own overhead.
# Its default grows to 4 MB. An answer of 256 kB takes no more CPU with this buffer, and 128 kB per
# round trip are 1 MB/s over 100 ms. A much smaller one would wait for delayed acknowledgements on
# loopback, where a segment has 64 kB.
SEND_BUFFER: Final = 128 * 1024

# Bytes sent on a connection before ECM asks the kernel whether the client acknowledges them, in
# units of 256 bytes: 16 kB. To ask takes two system calls.
LOOK_AFTER: Final = 64

# Connections.

# Connections in all. 0 is as many as open files allow, less those for the link, the log, the ports,
# the files of --www, and the connections that get 503 because there are too many.
MAX_CONNECTIONS: Final = 0
RESERVED_FILES: Final = 128

# Open files beside these without which ECM does not start: nobody means so few.
MIN_FILES: Final = 16

# Bytes of a file of --www that are read at a time: as many as Twisted buffers for a client that
# does not read. A file that is not longer is closed at once.
FILE_CHUNK: Final = 64 * 1024

# Longer files of --www that are open at once, a quarter of the reserve. ECM answers 503 to further
# requests for such files, because a client that does not read keeps one open.
MAX_OPEN_PAGES: Final = RESERVED_FILES // 4

# Listen backlog of an endpoint that does not name one. After a restart all clients connect at once,
# and Twisted's 50 would delay most of them by seconds. The kernel caps it at net.core.somaxconn,
# whose default is this number.
BACKLOG: Final = 4096

# Connections over the limit that still get a 503, another quarter of the reserve. Any more are
# reset.
MAX_REJECTED: Final = RESERVED_FILES // 4

# The part of all connections, one of so many, that is kept for those who are online: to send
# something, a user opens a second connection beside the one that is held, which is answered then
# and closed. Both are there for two round trips; few of a hundred users send in that time. If there
# are few connections at all, the least number is reserved, as newcomers come in crowds, and at most
# the larger part.
RESERVED_PART: Final = 16
MIN_RESERVED: Final = 16
MAX_RESERVED_PART: Final = 8


def reserved(connections: int) -> int:
    """Return how many of so many connections are kept for those who are online."""
    least = min(MIN_RESERVED, connections // MAX_RESERVED_PART)
    return max(least, connections // RESERVED_PART)


# Seconds with room for newcomers after which the log says so: connections come and go.
FULL_LOG_PAUSE: Final = 10

# Bytes of memory that are left, of the machine, of the cgroup or of the address space, below which
# no newcomers are let in: what a worker may need for those who are online, that is a full send
# queue, an answer in parts and its copies, and what the allocator takes at a time.
SHORT_MEMORY: Final = 48 * 1024 * 1024

# Seconds between two times at which the heap is trimmed. It takes tens of milliseconds where 200 MB
# are free in pieces of some kB; what is used again must be zeroed by the kernel.
TRIM_PAUSE: Final = 60

# Bytes of memory a second that all programs together may take, and the seconds between two looks at
# what is left, at most: a look takes as long as eight polls. The kernel clears a few GB a second.
MEMORY_RATE: Final = 2 * 1024**3
MAX_MEMORY_PAUSE: Final = 5.0

# Bytes that a connection reads at a time while memory is short: a request of BOSH with a message,
# and few enough for the allocator to have them.
SPARING_READ: Final = 4096

# Seconds that a connection must have been idle before a new one may take its place, when there are
# as many as allowed. The first request of a new connection arrives within a second.
MIN_IDLE: Final = 2

# Connections from one address. 0 is no limit: offices and mobile carriers share addresses.
MAX_CONNECTIONS_PER_ADDRESS: Final = 0

# Seconds for the head of a request, from its first byte, and for a TLS handshake, from the moment
# in which ECM has time for it; over TCP, for the XMPP before that, and for the first byte behind
# it. nginx allows 60, HAProxy's examples 10.
HEADER_TIMEOUT: Final = 10

# Seconds for the body of a request, from the end of its head, or for a WebSocket message, from its
# first byte: 256 kB at 70 kbit/s.
BODY_TIMEOUT: Final = 30

# Seconds in which a client must read what it is sent, before ECM aborts the connection; the same
# again for each 64 kB. A connection below 20 kbit/s is of no use for a chat.
SEND_TIMEOUT: Final = 30
SEND_SIZE: Final = 64 * 1024

# Seconds that a connection may be idle between requests. Browsers close theirs after 60 to 300
# seconds, nginx after 75.
IDLE_TIMEOUT: Final = 75

# Seconds in which all connections are looked at once for clients that have vanished; between two
# looks at some of them; of silence after which the client of a WebSocket is pinged; and in which it
# must say something then. A ping wakes a phone up, so it is rare. Who vanishes is found within a
# quarter of an hour, or with the next messages for him, which nobody acknowledges.
PROBE_TIME: Final = 300
PROBE_STEP: Final = 10
PING_AFTER: Final = 240
PONG_TIMEOUT: Final = 60

# Questions of the kernel within PONG_TIMEOUT, for a client over TCP that has been silent for
# PING_AFTER. Packets get lost; three in a row mean that nobody is there.
KEEP_ALIVES: Final = 3

# Seconds in which a client that has half-closed its connection may be answered. It looks like a
# client that has gone, and ejabberd must soon hear of that: otherwise it answers a request whose
# client cannot read the answer.
HALF_CLOSE_TIMEOUT: Final = 2

# Sockets that are read before the reactor looks at all else again: at timers, new connections and
# handshakes. To do so takes about half the CPU of a request, and so many requests a millisecond.
READ_AT_ONCE: Final = 64

# Bytes that the connection of a client reads at a time. What makes most of them, as requests of 30
# bytes or chunks of one, takes some 10 ms of CPU, for which all others wait; and READ_AT_ONCE may
# have sent the like. It is a request of a browser ten times, or a record of TLS.
READ_SIZE: Final = 16 * 1024

# Bytes of a read that are what TLS adds to data, 22 for each record and its padding, and the bytes
# that a connection reads at a time once it has had more: 16 kB of records of a byte take 3 ms, for
# which all others wait, and READ_AT_ONCE may have sent the like. Browsers and libraries write a
# record for each request or stanza, which is far longer.
MUCH_OF_TLS: Final = 64 * 22
READ_OF_RECORDS: Final = 1024

# Requests that one connection begins at a time, where they are answered at once, as those of files
# are, or parts of a body that it parses: it goes on in a later turn. A read may have 600 of such
# requests, which take 60 ms; so do READ_AT_ONCE connections that begin so many.
STEPS_AT_ONCE: Final = 8

# Chunks that are parsed of a body in such a step, or lines around them. A read may have 2,700
# chunks, which take up to 6 ms. A client that is no attacker sends a few of some kB.
CHUNKS_AT_ONCE: Final = 16

# Frames of WebSocket that are dealt with at a time on a connection, with pings and fragments, which
# cost no credit: a read may have 2,700, which take 7 ms.
FRAMES_AT_ONCE: Final = 128

# Such connections that go on in a turn of the reactor: few beside READ_AT_ONCE sockets, so that who
# sends one request at a time waits no longer for them.
LATER_AT_ONCE: Final = 8

# Seconds from the end of a turn that has read several sockets to the end of the next one, at least:
# what comes meanwhile is read in one. Twice as long would save more CPU, but a message waits for up
# to two of them.
TURN_INTERVAL: Final = 0.0007

# Reads of sockets that shake hands over TLS, in an iteration of the reactor. A handshake takes some
# millisecond of CPU, nearly all of it at one read; so those who are connected wait for about 4 ms
# more at most. While they leave the CPU idle, iterations follow each other at once.
HANDSHAKES_AT_ONCE: Final = 4

# Bytes of memory of a handshake over TLS that is not complete: OpenSSL's object for it, which has
# more buffers than behind it. With OpenSSL 4.0 these were 53 kB once it had answered, and 47 kB
# before the first message, where Twisted makes it (tests/unit/net/test_handshake.py).
HANDSHAKE_SIZE: Final = 52 * 1024

# Bytes of the first message of a TLS client, where ECM keeps it (--lean-tls). With keys against
# quantum computers it has 2 kB.
MAX_CLIENT_HELLO: Final = 16 * 1024

# Records of TLS that are sent with one key. AES-GCM is good for 2^24.5 of the longest (RFC 8446,
# section 5.5), and new keys take 6 µs.
MAX_RECORDS: Final = 2**23

# Records of TLS in a row that carry no data. New keys take more time than the bytes that ask for
# them, and no client needs two in a row.
MAX_EMPTY_RECORDS: Final = 32

# Bytes of XMPP before TLS. A header has 200, and what asks for TLS 50.
MAX_BEFORE_TLS: Final = 4 * 1024

# Bytes of a PROXY header. Its addresses take 52 bytes at most, the rest is for extensions, of which
# certificates are the longest. HAProxy's specification demands at least 536.
MAX_PROXY_HEADER: Final = 4 * 1024

# Seconds that a graceful shutdown waits for requests in flight, while new ones are served. Sessions
# answer held ones at once; files for slow clients, and requests on a plain link, take longer.
DRAIN_TIMEOUT: Final = 20

# Seconds without a link to any node after which a graceful shutdown refuses the requests that wait
# for one. A link that was cut is back after one or two attempts, of which the pauses are a second
# at most. Whoever is refused by an ECM that ends asks the next one, and can wait there.
STOP_WITHOUT_LINK: Final = 2

# DRAIN_TIMEOUT for requests that have come meanwhile, when ECM takes no new connections any more:
# until the next ECM does, all clients wait. A connection without a request has a second for its
# first.
LAST_DRAIN_TIMEOUT: Final = 1.5

# Held requests that are released at a time in a shutdown, at least; the seconds between two times;
# and the seconds in which all are, if ECM is fast enough. A released client costs ECM 150 µs until
# it is connected again: 1,000 are released in 0.2 seconds.
RELEASE_BATCH: Final = 100
RELEASE_STEP: Final = 0.02
RELEASE_TIME: Final = 1

# The same for streams, whose clients log in again. ejabberd takes about a thousand logins a second;
# the time is a part of that of the shutdown, since who is left then is closed at once.
STREAM_RELEASE_BATCH: Final = 20
STREAM_RELEASE_SHARE: Final = 0.8

# Seconds until ECM looks for requests that have come since, or that are still not answered.
RELEASE_PAUSE: Final = 0.2

# Seconds from the last answer to the end of its connection, in a shutdown.
CLOSE_TIMEOUT: Final = 2

# Seconds after which systemd is told that ECM is ready though it has no link: clients can wait for
# that here, and who starts both may start ejabberd later. Between two looks whether there is
# something new to tell it; and the part of the time of its watchdog after which it is told that ECM
# lives, so that two may be late.
READY_ANYWAY: Final = 10
NOTIFY_INTERVAL: Final = 5
WATCHDOG_PARTS: Final = 3

# Workers.

# Worker processes. It is more than any machine has cores, and each worker has a link of its own,
# which costs ejabberd memory.
MAX_WORKERS: Final = 1024

# Seconds before a worker that has exited is respawned: none if it ran for MIN_UPTIME, otherwise the
# minimum, then twice as long each time, up to the maximum. What ends a worker that ran for long is
# rare.
RESPAWN_DELAY_MIN: Final = 0.5
RESPAWN_DELAY_MAX: Final = 30.0
MIN_UPTIME: Final = 60.0

# Seconds without a word from a worker after which it is killed and replaced. Workers say one each
# second, so one that hangs is found after 3 to 4.5 seconds, and its clients are served again within
# 5. A busy worker says its word in time: it serves at most a hundred sockets in between. A false
# alarm costs its clients a reconnect of a fraction of a second, a late one all their patience.
WORKER_TIMEOUT: Final = 4
MIN_WORKER_TIMEOUT: Final = 3

# The part of that time after which a worker gets no new connections.
WEAK_PULSE: Final = 1 / 2

# Seconds of CPU without which a worker that says nothing, and wants to run, is not taken for one
# that hangs: between two words it needs less. The times WORKER_TIMEOUT after which it is killed
# even so: its clients are better off with another one.
STARVED_CPU: Final = 0.1
STARVED_TIMEOUTS: Final = 3

# Seconds for the first word of a worker: on a busy machine, 55 workers have started in 3.
WORKER_START_TIMEOUT: Final = 30

# Seconds that new workers have for their links before they serve in place of old ones: a link that
# cannot be made at once is tried again after pauses of up to 5 seconds.
READY_TIMEOUT: Final = 10

# Seconds between two looks whether new workers have links, or old processes have ended.
READY_STEP: Final = 0.1

# Seconds between two looks for new certificates: what renews them may tell nobody.
CERTIFICATE_CHECK: Final = 60

# Former generations of workers that still serve their clients, at most: each has the memory of all
# workers once more, and lasts for up to two times --drain-timeout.
MAX_FORMER: Final = 3

# Seconds between two looks of the supervisor for workers that say nothing; and those that count at
# a look, at most: while it was not running itself, it could not hear anybody.
PULSE_CHECK: Final = 0.5
MAX_PULSE_CHECK: Final = 2 * PULSE_CHECK

# Seconds for the start of the fork server, on a busy machine too. It takes one.
FORK_SERVER_TIMEOUT: Final = 60

# Orders that the fork server has waiting, at most: each has some kB, and all of them must fit into
# the buffer of its socket, which has 200.
MAX_FORK_ORDERS: Final = 8

# Connections that one worker gets before the next one is drawn, and the part of what it may have
# that they are at most. Users who log in at the same time are with few workers then, each of which
# does several things when it wakes up. As many handshakes of TLS take a worker a twentieth of a
# second, and no worker has more of the capacity than another by a hundredth.
BURST: Final = 64
BURST_PART: Final = 1 / 100

# New connections go to one worker while it has little to do, so that others need not wake up for
# the same requests. It has had enough at half of a core, until it takes a third.
BUSY: Final = 1 / 2
CALM: Final = 1 / 3

# Connections up to which a worker may have the new ones to itself: 1,250 users of BOSH have two
# each, and if each of them wrote five messages a second, which take 115 microseconds of CPU, that
# would be less than a core. Where fewer may be open, it is a part of these: so memory is divided.
FEW_CONNECTIONS: Final = 2_500
FEW_PART: Final = 1 / 4

# Seconds between two words of a worker on its CPU, at least, while connections come. Until the next
# one it gets BURST connections, whatever they cost. In a shorter time a collection of garbage would
# look like work.
LEAST_WINDOW: Final = 0.05

# Connections that are accepted at a time, before the supervisor serves its log and its workers.
ACCEPT_BATCH: Final = 100

# Seconds until the supervisor retries to assign a connection that no worker could take, because
# each had hundreds in its queue.
ACCEPT_RETRY: Final = 0.05

# Seconds in which a worker answers a question of the operator; the bytes of a question, which may
# have a long JID in it, and of an answer, several of which fit into the buffer of its socket.
ANSWER_TIMEOUT: Final = 1
MAX_QUESTION: Final = 8 * 1024
MAX_ANSWER: Final = 64 * 1024

# Bytes of what a worker tells the supervisor of itself, once a second: it must fit into one message
# on its socket, and leave most of the kernel's buffer there to others. It has one or two kB, and
# tells less where it would be longer.
MAX_SNAPSHOT: Final = 60_000

# Answers.

# Seconds in Retry-After of a 503 (RFC 9110, section 10.2.3).
RETRY_AFTER: Final = 5

# The same where ejabberd could not be asked, or lets no more sessions begin, which many clients are
# told at once: spread, so that they come back one after the other. ejabberd needs some seconds to
# start.
RETRY_AFTER_MIN: Final = 2
RETRY_AFTER_MAX: Final = 20

# Seconds that a browser may cache the answer to a preflight request. Chromium caps it at two hours,
# Firefox at a day.
CORS_MAX_AGE: Final = 86_400

# Bytes of a Content-Type that a client may ask for: twice what any media type needs.
MAX_CONTENT_TYPE: Final = 128

# Cached heads of answers, by status and requested Content-Type. A few are in use; clients may
# invent others.
MAX_CACHED_ANSWERS: Final = 64

# Operators.

# Bytes of the body of a request to the admin endpoint, which wants none; its connections at once;
# the seconds that one may be idle, or take for a request; and those until it has its reply, in
# which a reload waits for the links of new workers. A monitoring asks every 15 to 60 seconds.
MAX_ADMIN_BODY: Final = 4 * 1024
MAX_ADMIN_CONNECTIONS: Final = 32
ADMIN_TIMEOUT: Final = 90
REPLY_TIMEOUT: Final = 60

# Bytes of a trace that wait for an operator who reads nothing any more, as in a terminal that is
# stopped: those of some minutes.
MAX_UNREAD: Final = 1024 * 1024

# Requests of a trace that wait in a process for the operator, who takes them once a second: a
# client has a few at a time. Each has 200 bytes, 800 with a path of strange characters. And the
# seconds of a trace, in which a client of BOSH asks once at least.
MAX_TRACED: Final = 50
TRACE_TIME: Final = 60

# Seconds in which a drain sends all clients away: balancers have looked twice in 10, and 100,000
# clients log in again within a minute.
DRAIN_TIME: Final = 60

# The log.

# Bytes of the log that wait for a reader who has stopped to read: some ten thousand lines, which is
# what ECM says in a bad hour.
MAX_LOG_QUEUE: Final = 1024 * 1024

# Seconds that the end of a process is put off for what still waits there.
LOG_FLUSH_TIME: Final = 2

# Bytes of a line in a worker's log, or of any in JSON. A longer text is cut, and of what is no line
# of ours split.
MAX_LOG_LINE: Final = 64 * 1024

# Seconds for which faults of clients are counted, and then logged in one line.
FAULT_INTERVAL: Final = 60

# Of these faults, in that time: reasons that are counted one by one, since a client may invent
# some; characters of a reason; addresses that are counted for each; and reasons in the line.
MAX_FAULTS: Final = 32
MAX_FAULT: Final = 120
MAX_FAULT_SOURCES: Final = 8
MAX_FAULTS_TOLD: Final = 8

# Seconds for which further events of a kind are counted, and then logged in one line.
LOG_INTERVAL: Final = 10

# Warnings that a status shows, and bytes of each: what a person reads, and few kB for a message
# that is sent once a second.
MAX_WARNINGS: Final = 20
MAX_WARNING: Final = 300

# Configuration.

# Seconds for the link of a check to each node: for a connection, TLS, and hello.
CHECK_TIMEOUT: Final = 10

# Days before the end of a certificate in which a check warns of it. Certificates that are renewed
# by themselves are, some 30 days before.
EXPIRY_WARNING: Final = 14

# Bytes of the file of --config. One with each option, and with a hundred ports, has 10 kB.
MAX_CONFIG: Final = 1024 * 1024

# Bytes of the path of a UNIX socket: what the kernel takes (unix(7)).
MAX_SOCKET_PATH: Final = 107

# Questions of an operator about one user.

# Connections that a process tells of, of some 250 bytes each: what a person reads. Of more it tells
# the number.
MAX_FOUND: Final = 100

# Numbers of connections in a question: those of the sessions of one user.
MAX_SOUGHT: Final = 100

# Connections of an address of which a process asks ejabberd: one is a message of the link.
MAX_ASKED: Final = 10

# Ranges of options.

# A session creation request with its attributes, and a SASL exchange with a token, must fit.
MIN_PACKET_LIMIT: Final = 4 * 1024

# The length field of a packet has ten digits.
MAX_PACKET_LIMIT: Final = 9_999_999_999

# A number of more than ten digits is a typing error.
MAX_NUMBER: Final = 9_999_999_999

# A day. Whoever gives more has mistaken the unit.
MAX_TIMEOUT: Final = 86_400
