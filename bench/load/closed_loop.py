"""Clients that each ask, wait for the answer and ask again, in a process of their own.

``python -m bench.load.closed_loop PORT COUNT`` reads lines on its stdin. After ``ask`` they do so
until ``stop``; once the last answer has come then, the number of all answers so far is printed. The
end of stdin ends it, and so does an answer that is wrong, with one line.
"""

import os
import select
import sys

from bench.load.long_poll import ADDRESSES, connect
from bench.load.request import BODY, REQUEST

STDIN = 0


class Askers:
    """All of them. Each has one request in flight, or none while they have stopped."""

    def __init__(self, port: int, count: int) -> None:
        self._sockets = [connect(port, ADDRESSES[at % len(ADDRESSES)]) for at in range(count)]
        self._received = {socket.fileno(): b"" for socket in self._sockets}
        self._asking = False
        self._in_flight = 0
        self._answers = 0

    def run(self) -> None:
        poll = select.epoll()
        for descriptor in (STDIN, *self._received):
            poll.register(descriptor, select.EPOLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != STDIN:
                    self._take(descriptor)
                elif not self._obey(os.read(STDIN, 64)):
                    return

    def _obey(self, line: bytes) -> bool:
        """Return whether to go on."""
        self._asking = line == b"ask\n"
        if self._asking:
            self._in_flight = len(self._received)
            for descriptor in self._received:
                os.write(descriptor, REQUEST)
        return bool(line)

    def _take(self, descriptor: int) -> None:
        answer = self._received[descriptor] + os.read(descriptor, 65_536)
        if not complete(answer):
            self._received[descriptor] = answer
            return
        self._received[descriptor] = b""
        self._answers += 1
        if self._asking:
            os.write(descriptor, REQUEST)
        else:
            self._count_down()

    def _count_down(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            print(self._answers)


def complete(answer: bytes) -> bool:
    """Return whether this is all of the right answer: what was asked. Exits where it is wrong."""
    if not answer.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"ECM has not answered 200, but {answer[:200]!r}")
    return answer.endswith(BODY)


def main() -> None:
    try:
        Askers(int(sys.argv[1]), int(sys.argv[2])).run()
    except ConnectionError as error:
        sys.exit(f"ECM has closed a connection: {error}")


if __name__ == "__main__":
    main()
