"""``python -m bench.faults.proxy PORT UPSTREAM``: the network between ECM and ejabberd.

It fails when it is told to. It listens on a port of 127.0.0.1, passes all connections on to
another, and reorders nothing. It reads commands from stdin, a line each, and prints ``done`` after
each. It ends with its stdin.

cut rst|fin       ends all connections, at both ends
silent up|down|both
                  carries nothing in this direction (up: to ejabberd), neither bytes nor the end of
                  a connection, on any connection, until ``alive``
half-open up|down|both
                  the same for the connections that are there, for ever
refuse            ends all connections, and listens no more
accept            listens again
slow BYTES        carries so many bytes a second in each direction
alive             carries everything again, at once
"""

import asyncio
import socket
import struct
import sys

HOST = "127.0.0.1"
UP, DOWN = "up", "down"
_DIRECTIONS = {"both": (UP, DOWN), UP: (UP,), DOWN: (DOWN,)}

_CHUNK = 16 * 1024  # bytes that are read at once
_SLICE = 0.05  # seconds between two chunks of a slow link
# A slow link must not look fast because kernels buffer what it has not carried.
_BUFFER = 64 * 1024

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() discards what was not sent, and sends a RST


class Direction:
    """One way of the link: whether it carries anything, and how fast."""

    def __init__(self) -> None:
        self.carries = asyncio.Event()
        self.carries.set()
        self.rate: int | None = None  # bytes a second
        self._turn = asyncio.Lock()

    @property
    def chunk(self) -> int:
        """The most bytes to carry at once."""
        return _CHUNK if self.rate is None else max(1, min(_CHUNK, int(self.rate * _SLICE)))

    async def carry(self, size: int) -> None:
        """Wait until so many bytes may pass."""
        await self.carries.wait()
        if self.rate is not None:
            async with self._turn:
                await asyncio.sleep(size / self.rate)


class Connection:
    """A connection through the proxy. It is over once both ends have closed it."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self._ends = [client]
        self._alive = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        for alive in self._alive.values():
            alive.set()

    def join(self, server: asyncio.StreamWriter) -> None:
        self._ends.append(server)

    async def pump(
        self, way: str, direction: Direction, source: asyncio.StreamReader, end: int
    ) -> None:
        """Carry what comes from one end to the other, and its end."""
        target = self._ends[end]
        while data := await source.read(direction.chunk):
            await direction.carry(len(data))
            await self._alive[way].wait()
            target.write(data)
            await target.drain()
        await direction.carry(0)
        await self._alive[way].wait()
        target.write_eof()

    def close(self) -> None:
        for end in self._ends:
            end.close()

    def kill(self, way: str) -> None:
        """Carry nothing more this way."""
        self._alive[way].clear()

    def cut(self, reset: bool) -> None:
        """End it at both ends."""
        for end in self._ends:
            if not reset:
                end.close()
            elif not end.is_closing():  # its socket may be closed already
                raw = end.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.transport.abort()


class Proxy:
    """All connections from ``port`` to ``upstream``."""

    def __init__(self, port: int, upstream: int) -> None:
        self._port = port
        self._upstream = upstream
        self._directions = {UP: Direction(), DOWN: Direction()}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def accept(self) -> None:
        """Listen."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        listening.bind((HOST, self._port))
        self._server = await asyncio.start_server(self._connected, sock=listening)

    async def _connected(self, near: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        connection = Connection(client)
        self._connections.add(connection)
        try:
            for direction in self._directions.values():  # a silent network answers no SYN
                await direction.carries.wait()
            far, server = await asyncio.open_connection(HOST, self._upstream, limit=_CHUNK)
            connection.join(server)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(connection.pump(UP, self._directions[UP], near, 1))
                ways.create_task(connection.pump(DOWN, self._directions[DOWN], far, 0))
            connection.close()
        except* OSError:
            connection.cut(reset=True)
        finally:
            self._connections.discard(connection)

    async def obey(self, command: str) -> None:
        """Carry out one line. Raises KeyError, ValueError for what there is not."""
        word, _, argument = command.partition(" ")
        match word:
            case "cut":
                self._cut(reset={"rst": True, "fin": False}[argument])
            case "silent":
                for way in _DIRECTIONS[argument]:
                    self._directions[way].carries.clear()
            case "half-open":
                for connection in self._connections:
                    for way in _DIRECTIONS[argument]:
                        connection.kill(way)
            case "refuse":
                assert self._server is not None
                self._server.close()
                self._cut(reset=True)
            case "accept":
                await self.accept()
            case "slow":
                for direction in self._directions.values():
                    direction.rate = int(argument)
            case "alive":
                for direction in self._directions.values():
                    direction.rate = None
                    direction.carries.set()
            case _:
                raise ValueError(word)

    def _cut(self, reset: bool) -> None:
        for connection in [*self._connections]:
            connection.cut(reset)


async def main(port: int, upstream: int) -> None:
    proxy = Proxy(port, upstream)
    await proxy.accept()
    print("listening", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        await proxy.obey(line.decode().strip())
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
