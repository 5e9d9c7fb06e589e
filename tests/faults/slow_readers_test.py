"""Clients that do not read, with much for them, over TLS."""

from testkit import slow_readers
from testkit.stream_ends import SecureWebSocketEnd, StartTlsEnd, TlsEnd


class SecureWebSocketReaderTests(slow_readers.LateReaderCase):
    end = SecureWebSocketEnd
    put_out = "close 1008"


class LeanWebSocketReaderTests(slow_readers.LateReaderCase):
    end = SecureWebSocketEnd
    options = ("--lean-tls",)
    put_out = "close 1008"


class StartTlsReaderTests(slow_readers.LateReaderCase):
    end = StartTlsEnd


class LeanStartTlsReaderTests(slow_readers.LateReaderCase):
    end = StartTlsEnd
    options = ("--lean-tls",)


class TlsReaderTests(slow_readers.LateReaderCase):
    end = TlsEnd


class LeanTlsReaderTests(slow_readers.LateReaderCase):
    end = TlsEnd
    options = ("--lean-tls",)
