"""Any bytes from a client: over the real protocols and table, joined in memory."""

import gc
import tracemalloc

from ecm.http.head_cache import HeadCache
from ecm.http.request import Request
from ecm.limits import MAX_PIPELINED, PARTIAL_SIZE
from testkit.any_bytes import break_link, check
from testkit.in_memory import Joined
from tests.fuzz.target import Target, pieces, places

# Low, so that inputs reach them. The code is the same for all values.
MAX_HEADER_SIZE = 1024
MAX_HEADERS = 16
MAX_BODY = 2048
MAX_INPUT = 16 * MAX_BODY

# Bytes that a connection holds at most, as it reckons itself, beside what has come last; and what
# it may take of Python's memory beyond that: exchanges, its own fields, and entries of tables.
MAX_HELD = MAX_HEADER_SIZE + MAX_BODY + PARTIAL_SIZE
SLACK = 4096


def client(data: bytes) -> None:
    """No harm is done, and each request is answered, in pieces as whole (test_any_bytes.py)."""
    check(data, places(data))


class NoCache(HeadCache):
    """Remembers nothing: what it remembers is for all connections, and has a limit of its own."""

    def add(self, data: bytes, request: Request) -> None:
        pass


def bounded(data: bytes) -> None:
    """No more memory is held than the limits allow, that of httptools included.

    Python's allocator counts it: the parser's own account cannot see what llhttp's wrapper keeps.
    """
    parts = pieces(data)
    ecm = Joined(max_header_size=MAX_HEADER_SIZE, max_headers=MAX_HEADERS, max_body=MAX_BODY)
    ecm.registry.head_cache = NoCache()
    someone = ecm.client()
    tracemalloc.start()
    try:
        for part in parts:
            if someone.transport.paused:
                break_link(ecm)
            someone.send(part)
            ecm.received()
            held = someone.protocol.held
            assert held <= MAX_HELD + len(part), held
            assert len(ecm.pool) <= MAX_PIPELINED
            _check_memory(held)
    finally:
        tracemalloc.stop()


def _check_memory(held: int) -> None:
    if tracemalloc.get_traced_memory()[0] > held + SLACK:
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        assert taken <= held + SLACK, f"{taken} bytes are held, and {held} accounted for"


TARGETS = {"client": Target(client, 8192), "bounded": Target(bounded, MAX_INPUT)}
