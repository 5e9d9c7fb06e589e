"""The other end of ECM's link: answers each request, and each message of a stream, with its body.

It speaks both forms of docs/protocol.md: a link is typed if ``hello`` comes first. Prints its port.
"""

import asyncio
from collections.abc import Callable

from ecm.link.packet import HEADER_SIZE

# The nonce is not random, as nobody proves anything here.
HELLO = (
    b"hello version=1 role=ejabberd instance=echo max-packet=1048576 features=streams nonce="
    + b"0" * 32
)


def plain_answer(packet: bytes) -> bytes:
    return packet


def typed_answer(packet: bytes) -> bytes:
    """Return the packet that answers this one; nothing where none is due."""
    line, _, body = packet[HEADER_SIZE:].partition(b"\n")
    kind, _, rest = line.partition(b" ")
    if kind == b"request":
        return _packet(packet, b"answer 200\n" + body)
    if kind == b"message":
        credit = b"more %d" % (HEADER_SIZE + len(b"message\n") + len(body))
        return _packet(packet, b"message\n" + body) + _packet(packet, credit)
    if kind == b"ping":
        return _packet(packet, b"pong " + rest)
    return _packet(packet, HELLO) if kind == b"hello" else b""


def _packet(asked: bytes, content: bytes) -> bytes:
    """Return a packet for the connection of another."""
    return b"%010d%b%b" % (HEADER_SIZE + len(content), asked[10:HEADER_SIZE], content)


class Echo(asyncio.Protocol):
    """One link."""

    def __init__(self) -> None:
        self._held = b""
        self._answer: Callable[[bytes], bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data, start, answers = self._held + data, 0, []
        while len(data) - start >= HEADER_SIZE:
            end = start + int(data[start : start + 10])
            if end > len(data):
                break
            answers.append(self._answered(data[start:end]))
            start = end
        self._held = data[start:]
        self._transport.write(b"".join(answers))

    def _answered(self, packet: bytes) -> bytes:
        if self._answer is None:
            typed = packet.startswith(b"hello ", HEADER_SIZE)
            self._answer = typed_answer if typed else plain_answer
        return self._answer(packet)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
