"""Connections of ecm-swarm that take everything and lead nowhere."""

from ecm.tools.swarm.sockets import Sockets
from ecm.tools.swarm.user import User


class FakeSockets(Sockets[User]):
    """``sent`` has what was sent, on whatever connection; ``open`` numbers them from 1."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.cuts: list[int] = []
        self.abandoned: list[int] = []
        self.secured: list[int] = []

    def open(self, user: object, data: bytes) -> int:
        self.opened.append(len(self.opened) + 1)
        self.sent.append(data)
        return self.opened[-1]

    def send(self, line: int, data: bytes) -> None:
        self.sent.append(data)

    def secure(self, line: int) -> None:
        self.secured.append(line)

    def close(self, line: int) -> None:
        self.closed.append(line)

    def cut(self, line: int) -> None:
        self.cuts.append(line)

    def abandon(self, line: int) -> None:
        self.abandoned.append(line)
