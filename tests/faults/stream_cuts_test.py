"""A link that is cut while people talk over streams: what tests/system leaves out."""

from testkit import stream_cuts
from testkit.stream_ends import SecureWebSocketEnd, StartTlsEnd, TlsEnd


class LeanWebSocketCutTests(stream_cuts.CutCase):
    end = SecureWebSocketEnd
    options = ("--lean-tls",)


class StartTlsCutTests(stream_cuts.CutCase):
    end = StartTlsEnd


class TlsCutTests(stream_cuts.CutCase):
    end = TlsEnd


class LeanTlsCutTests(stream_cuts.CutCase):
    end = TlsEnd
    options = ("--lean-tls",)
