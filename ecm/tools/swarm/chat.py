"""The messages that the users of a process send to each other. Pure."""

from math import inf
from typing import Generic, TypeVar

from ecm.tools.bosh.stanzas import message
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.user import User

U = TypeVar("U", bound=User)


class Chat(Generic[U]):
    """Makes messages, and counts those that arrive by who gets them."""

    def __init__(self, attendance: Attendance[U], delivery: Delivery) -> None:
        self._attendance = attendance
        self._delivery = delivery

    def message(self, sender: U, receiver: U) -> bytes:
        """Return a new message from one user who is online to another."""
        now = self._attendance.clock()
        text = self._delivery.text(sender.number, receiver.number, now)
        return message(self._attendance.identities.jid(receiver), text)

    def heard(self, user: U, text: bytes) -> None:
        """Count the messages in what has come for a user."""
        if b"<message" not in text:
            return
        for seconds in self._delivery.arrivals(text, user.number, self._attendance.clock()):
            self._attendance.counters.took(self.kind(user), seconds)

    def kind(self, receiver: U) -> str:
        """Return as what a message to a user counts."""
        if self._attendance.is_back(receiver):
            return "message to those back"
        return "message" if self._attendance.storm_began == inf else "message in the storm"
