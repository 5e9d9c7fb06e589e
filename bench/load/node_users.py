"""Users of ejabberd, in a process of their own.

``python -m bench.load.node_users KIND PORT FIRST ADDRESS`` reads lines on its stdin. ``login
COUNT`` logs in until there are so many, numbered from FIRST, and prints, now and then and at last,
how many there are. The rest is for BOSH: after ``poll`` or ``message`` users do so (see
bench/load/bosh_load.py) until ``stop``; once the last is done, the number of all so far is printed.
``receive COUNT`` prints 0, and COUNT when so many messages have come to users who do nothing. The
end of stdin ends it, and so does anything that is not as it should be, with one line.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol

from bench.load import http_users, link_users, stream_users
from bench.load.bosh_load import Load, Messages, Polls
from bench.load.bosh_user import BoshUser
from bench.load.fail import fail

# Users of a process who log in at the same time: few, so that what logging in takes for a moment is
# little beside what users keep.
AT_ONCE = 16

PATIENCE = 60  # seconds for one user to log in

# Times that a user tries to log in where ejabberd closes the connection. On a busy machine
# one WebSocket login in some thousands gets no answer, and the connection is closed after 30 s.
ATTEMPTS = 3

TOLD = 100  # logins between two lines


class User(Protocol):
    number: int

    async def log_in(self) -> None:
        """Log in, and do nothing by itself from then on. Raises ConnectionError."""


Make = Callable[[int], Awaitable[User]]


async def over_link(port: int, address: str) -> Make:
    link = await link_users.connect(port)

    async def make(number: int) -> User:
        return link_users.LinkUser(number, link)

    return make


async def over_http(port: int, address: str) -> Make:
    async def make(number: int) -> User:
        return http_users.HttpUser(number, port, address)

    return make


async def over_websocket(port: int, address: str) -> Make:
    return _with_connection(stream_users.WebSocketUser, port, address)


async def over_tcp(port: int, address: str) -> Make:
    return _with_connection(stream_users.TcpUser, port, address)


def _with_connection(
    kind: Callable[[int], stream_users.StreamUser], port: int, address: str
) -> Make:
    async def make(number: int) -> User:
        user = kind(number)
        await user.connect(port, address)
        return user

    return make


KINDS = {"link": over_link, "bosh": over_http, "websocket": over_websocket, "tcp": over_tcp}


class Users:
    """All of them."""

    def __init__(self, make: Make, first: int) -> None:
        self._make = make
        self._next = first
        self._users: list[User] = []
        self._loads: dict[str, Load] = {}
        self._received = 0
        self._awaited = 0

    async def obey(self, command: str, count: int = 0) -> None:
        match command:
            case "login":
                await self._log_in(count)
            case "receive":
                self._receive(count)
            case "stop":
                for load in self._loads.values():
                    load.stop()
            case _:
                self._load(command).start()

    async def _log_in(self, count: int) -> None:
        last = self._next + count - len(self._users)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._log_in_until(last))
        print(len(self._users))

    async def _log_in_until(self, last: int) -> None:
        """Log in one after the other, of those whom no one else has begun with."""
        while self._next < last:
            number = self._next
            self._next += 1
            self._users.append(await self._logged_in(number))
            if len(self._users) % TOLD == 0 and self._next < last:
                print(len(self._users))

    async def _logged_in(self, number: int) -> User:
        for _ in range(ATTEMPTS):
            user = await self._make(number)
            try:
                async with asyncio.timeout(PATIENCE):
                    await user.log_in()
                    return user
            except TimeoutError:
                fail(f"user {number} could not log in within {PATIENCE} s")
            except ConnectionError as error:
                print(f"user {number} tries again: {error}", file=sys.stderr)
        fail(f"user {number} could not log in")

    def _bosh_users(self) -> list[BoshUser]:
        return [user for user in self._users if isinstance(user, BoshUser)]

    def _load(self, name: str) -> Load:
        if name not in self._loads:
            kind = {"poll": Polls, "message": Messages}[name]
            self._loads[name] = kind(self._bosh_users(), print)
        return self._loads[name]

    def _receive(self, count: int) -> None:
        self._awaited = count
        for user in self._bosh_users():
            user.heard = self._heard
        print(self._received)

    def _heard(self, user: BoshUser, body: bytes) -> None:
        user.say()
        self._received += body.count(b"<message")
        if self._received == self._awaited:
            print(self._awaited)


async def main() -> None:
    kind, port, first, address = sys.argv[1:]
    users = Users(await KINDS[kind](int(port), address), int(first))
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
    )
    while line := await stdin.readline():
        command, *count = line.decode().split()
        await users.obey(command, *map(int, count))


if __name__ == "__main__":
    asyncio.run(main())
