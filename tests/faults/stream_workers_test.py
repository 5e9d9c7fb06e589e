"""Workers of ECM are killed under people who talk over streams, with TLS."""

from testkit import stream_workers
from testkit.stream_ends import SecureWebSocketEnd, StartTlsEnd, TlsEnd


class SecureWebSocketWorkerTests(stream_workers.WorkerCase):
    end = SecureWebSocketEnd


class LeanWebSocketWorkerTests(stream_workers.WorkerCase):
    end = SecureWebSocketEnd
    options = ("--lean-tls",)


class StartTlsWorkerTests(stream_workers.WorkerCase):
    end = StartTlsEnd


class LeanStartTlsWorkerTests(stream_workers.WorkerCase):
    end = StartTlsEnd
    options = ("--lean-tls",)


class TlsWorkerTests(stream_workers.WorkerCase):
    end = TlsEnd


class LeanTlsWorkerTests(stream_workers.WorkerCase):
    end = TlsEnd
    options = ("--lean-tls",)
