"""The reporter of a worker: tells the supervisor how it is, once a second."""

from ecm.server import Server
from ecm.status.form import encode
from ecm.workers import control
from ecm.workers.control import ControlSocket


class Reporter:
    """Sends a snapshot if it is another one, and the supervisor has read all that was sent before.

    So one is on its way at most, and the connections that the worker takes can always be told.
    """

    def __init__(self, server: Server, control_socket: ControlSocket) -> None:
        self._server = server
        self._control = control_socket
        self._sent = b""

    def tick(self, now: float) -> None:
        """Tell what is to be told."""
        if not self._control.is_read:
            return
        snapshot = encode(self._server.snapshot())
        if snapshot != self._sent and self._control.send(control.SNAPSHOT + snapshot):
            self._sent = snapshot
