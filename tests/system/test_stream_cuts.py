"""A link that is cut while people talk over streams; tests/faults has further transports."""

from testkit import stream_cuts
from testkit.stream_ends import SecureWebSocketEnd, StartTlsEnd, TcpEnd


class WebSocketCutTests(stream_cuts.CutCase):
    pass


class TcpCutTests(stream_cuts.CutCase):
    end = TcpEnd


class SecureWebSocketCutTests(stream_cuts.CutCase):
    end = SecureWebSocketEnd


class LeanStartTlsCutTests(stream_cuts.CutCase):
    end = StartTlsEnd
    options = ("--lean-tls",)
