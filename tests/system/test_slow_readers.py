"""Clients that do not read, with much for them; tests/faults has further transports."""

from testkit import slow_readers
from testkit.stream_ends import TcpEnd


class WebSocketReaderTests(slow_readers.LateReaderCase):
    put_out = "close 1008"


class TcpReaderTests(slow_readers.LateReaderCase):
    end = TcpEnd


class WebSocketCrowdTests(slow_readers.ReaderCrowdCase):
    pass


class TcpCrowdTests(slow_readers.ReaderCrowdCase):
    end = TcpEnd
