"""Every limit of ECM, in one place, each with its reason."""

from typing import Final

# Bytes of one packet on the link, header included. ejabberd's own default for what a BOSH session
# may put into one body has no bound; 1 MiB is far above what a chat sends, and far below what one
# client could use to hurt the others on the same link.
MAX_PACKET: Final = 1024 * 1024

# --max-packet may not go below this: a BOSH session creation with its attributes, or a SASL
# exchange with a token, still has to fit.
LEAST_MAX_PACKET: Final = 4 * 1024

# --max-packet may not go above this: the length field has ten digits.
GREATEST_MAX_PACKET: Final = 9_999_999_999

# Bytes of a request's target and headers. Browsers send 0.5-1 kB and cookies of at most 4 kB each;
# Apache takes 8 kB a line, nginx 32 kB in all, Node.js 16 kB in all.
MAX_HEAD: Final = 16 * 1024

# Seconds that a client which was answered 503 is asked to wait (RFC 9110, section 10.2.3). About
# what ejabberd needs to start.
RETRY_AFTER: Final = 5

# Seconds for which a browser may remember the answer to a preflight request. Chromium caps it at
# two hours, Firefox at a day.
CORS_MAX_AGE: Final = 86_400

# Seconds between attempts to reach ejabberd: the first, the factor by which they grow, the last.
# The last is short, because people are waiting, and one link costs ejabberd nothing.
RECONNECT_FIRST: Final = 0.25
RECONNECT_FACTOR: Final = 1.6
RECONNECT_LAST: Final = 5.0

# Seconds, at most, that are added to each pause at random, so that many front ends do not all come
# back in the same moment.
RECONNECT_JITTER: Final = 0.5
