"""The messages of the users: who says what, and when.

Some converse in pairs, some write to one user who may not listen, some to a room.
"""

import random
from collections.abc import Callable, Sequence

from bench.faults.record import Record, text
from bench.faults.user import DOMAIN, User, jid
from ecm.tools.bosh.stanzas import message
from ecm.tools.swarm.rate import Rate

ROOM = f"lab@conference.{DOMAIN}".encode()

_DRAWS = 20  # attempts to find somebody who is online and may say something

# Says one thing at a time.
Speaker = Callable[[float], None]


class Speech:
    """All that is said goes to the ``record``."""

    def __init__(self, users: Sequence[User], record: Record) -> None:
        self.talkers = range(0)
        self._users = users
        self._record = record
        self._random = random.Random(15)  # so that each run is as the one before
        self._members: Sequence[int] = ()
        self._speakers: list[tuple[Rate, Speaker]] = []

    def hush(self) -> None:
        """Nobody says anything more."""
        self._speakers.clear()

    def go_on(self, now: float) -> None:
        """Say what is due."""
        for rate, speak in self._speakers:
            for _ in range(rate.due(now)):
                rate.begin()
                speak(now)

    def talk(self, talkers: int, rate: float, now: float) -> None:
        """Let so many converse, each with a neighbour."""
        self.talkers = range(talkers)
        self._speakers.append((Rate(rate, now), self._converse))

    def flood(
        self, receiver: int, senders: range, count: int, size: int, rate: float, now: float
    ) -> None:
        """Let these write so many messages of a size to one user."""
        left = iter(range(count))

        def speak(now: float) -> None:
            if next(left, None) is not None:
                sender = self._users[self._random.choice(senders)]
                self.say(sender, receiver, now, size)

        self._speakers.append((Rate(rate, now), speak))

    def join(self, members: Sequence[int]) -> None:
        """Let these enter the room. They get what is said there from now on."""
        for number in members:
            nick = b"%b/nick%d" % (ROOM, number)
            presence = b"<presence to='%b' xmlns='jabber:client'/>" % nick
            self._users[number].strophe.outbox.append((None, presence))
        self._members = members

    def crowd(self, speakers: Sequence[int], size: int, rate: float, now: float) -> None:
        """Let these write to the room."""

        def speak(now: float) -> None:
            sender = self._users[self._random.choice(speakers)]
            number = self._record.say(sender.number, self._members, now)
            stanza = message(ROOM, text(number, size)).replace(b"'chat'", b"'groupchat'", 1)
            sender.strophe.outbox.append((number, stanza))

        self._speakers.append((Rate(rate, now), speak))

    def _converse(self, now: float) -> None:
        for _ in range(_DRAWS):
            number = self._random.choice(self.talkers)
            neighbour = number ^ 1
            if neighbour in self.talkers and self._users[number].is_online:
                self.say(self._users[number], neighbour, now)
                return

    def say(self, sender: User, receiver: int, now: float, size: int = 0) -> None:
        """Let somebody write to somebody."""
        number = self._record.say(sender.number, [receiver], now)
        sender.strophe.outbox.append((number, message(jid(receiver), text(number, size))))
