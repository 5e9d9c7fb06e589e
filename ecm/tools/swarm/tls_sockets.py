"""The TCP connections of a process, with TLS on them: from their beginning, or from a moment on."""

from contextlib import suppress
from typing import TypeVar

from OpenSSL import SSL

from ecm.tools.stream.tls import Handshake, Records, TlsError
from ecm.tools.swarm.sockets import Handler, Sockets, kind

U = TypeVar("U")


class TlsSockets(Sockets[U]):
    """``name`` is that of the server; ``direct`` is whether TLS begins with each connection."""

    def __init__(
        self,
        address: tuple[str, int],
        sources: list[str],
        context: SSL.Context,
        name: str,
        direct: bool,
    ) -> None:
        super().__init__(address, sources)
        self._context = context
        self._name = name
        self._direct = direct
        self._handshakes: dict[int, Handshake] = {}
        self._waiting: dict[int, bytes] = {}  # sent once the handshake is complete
        self._records: dict[int, Records] = {}

    def open(self, user: U, data: bytes) -> int:
        if not self._direct:
            return super().open(user, data)
        handshake = Handshake(self._context, self._name)
        line = super().open(user, handshake.begin())
        self._handshakes[line], self._waiting[line] = handshake, data
        return line

    def secure(self, line: int) -> None:
        handshake = Handshake(self._context, self._name)
        super().send(line, handshake.begin())
        self._handshakes[line], self._waiting[line] = handshake, b""

    def send(self, line: int, data: bytes) -> None:
        if line in self._waiting:
            self._waiting[line] += data
            return
        records = self._records.get(line)
        super().send(line, data if records is None else records.send(data))

    def close(self, line: int) -> None:
        if records := self._forget(line):
            with suppress(OSError):  # the server may have closed it
                super().send(line, records.close())
        super().close(line)

    def cut(self, line: int) -> None:
        self._forget(line)
        super().cut(line)

    def abandon(self, line: int) -> None:
        self._forget(line)
        super().abandon(line)

    def _forget(self, line: int) -> Records | None:
        self._handshakes.pop(line, None)
        self._waiting.pop(line, None)
        return self._records.pop(line, None)

    def _pass_on(self, user: U, line: int, data: bytes, handler: Handler[U]) -> None:
        try:
            if line in self._handshakes:
                data = self._shake_hands(line, data)
            if line in self._records:
                self._open_records(user, line, data, handler)
            elif line not in self._handshakes:
                super()._pass_on(user, line, data, handler)
        except TlsError as error:
            self._break(user, line, f"TLS: {error}", handler)
        except OSError as error:
            self._break(user, line, kind(error), handler)

    def _shake_hands(self, line: int, data: bytes) -> bytes:
        """Return what has come behind the handshake. Raises TlsError, OSError."""
        reply, records, rest = self._handshakes[line].receive(data)
        if records is not None:
            del self._handshakes[line]
            self._records[line] = records
            reply += records.send(self._waiting.pop(line))
        if reply:
            super().send(line, reply)
        return rest

    def _open_records(self, user: U, line: int, data: bytes, handler: Handler[U]) -> None:
        """Raises TlsError, OSError."""
        records = self._records[line]
        plain = records.receive(data)
        if plain.reply:
            super().send(line, plain.reply)
        if plain.data:
            handler.received(user, line, plain.data)
        if plain.ended and self._records.get(line) is records:
            self._break(user, line, "closed", handler)
