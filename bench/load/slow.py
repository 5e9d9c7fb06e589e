"""Clients that send a request head at one byte a second, in a process of their own.

``python -m bench.load.slow PORT COUNT`` prints, every second, how many of their connections ECM
has ended so far. Who was ended connects again, so that there are always ``COUNT``.
"""

import socket
import sys
import time

from bench.load.long_poll import ADDRESSES, connect
from bench.load.request import HEAD

SLICES = 50  # of a second, in each of which some of the clients send their byte


class SlowClient:
    """One of them, on one connection after the other."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self.ended = 0
        self._connect()

    def _connect(self) -> None:
        self._socket: socket.socket = connect(self._port, self._address)
        self._socket.setblocking(False)
        self._sent = 0

    def step(self) -> None:
        """Send a byte, or begin anew where ECM has answered or closed."""
        try:
            if not self._over():
                self._socket.send(HEAD[self._sent : self._sent + 1])
                self._sent += 1
                return
        except ConnectionError:
            pass
        self._socket.close()
        self.ended += 1
        self._connect()

    def _over(self) -> bool:
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return False
        return True


def main() -> None:
    port, count = map(int, sys.argv[1:])
    clients = [SlowClient(port, ADDRESSES[number % len(ADDRESSES)]) for number in range(count)]
    while True:
        for number in range(SLICES):
            until = time.monotonic() + 1 / SLICES
            for client in clients[number::SLICES]:
                client.step()
            time.sleep(max(0, until - time.monotonic()))
        print(sum(client.ended for client in clients))


if __name__ == "__main__":
    main()
