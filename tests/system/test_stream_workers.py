"""Workers of ECM are killed under people who talk over streams; tests/faults has more of it."""

from testkit import stream_workers
from testkit.stream_ends import TcpEnd


class WebSocketWorkerTests(stream_workers.WorkerCase):
    pass


class TcpWorkerTests(stream_workers.WorkerCase):
    end = TcpEnd
