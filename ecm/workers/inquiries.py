"""Questions of the supervisor that wait for the answers of workers."""

from collections.abc import Sequence
from itertools import count
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ecm.limits import ANSWER_TIMEOUT, MAX_QUESTION
from ecm.questions import Words, decode, encode
from ecm.workers import control


class Questioned(Protocol):
    """A worker that can be asked. Others may have the same ``number``, which it replaces."""

    number: int

    def send(self, order: bytes, *files: int) -> bool:
        """Send a packet to it. Return False if it takes none at the moment."""


@attrs.define(eq=False)
class Inquiry:
    """A question to some workers, with their answers as far as these have come."""

    answers: dict[Questioned, Words | None]
    done: Deferred[list[Words]]
    timer: IDelayedCall | None = None

    @property
    def waits_for(self) -> list[Questioned]:
        """Those that have not answered."""
        return [worker for worker, answer in self.answers.items() if answer is None]


class Inquiries:
    """Puts questions to workers, and gives up those that do not answer in time."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._open: dict[int, Inquiry] = {}

    def ask(self, question: Words, workers: Sequence[Questioned]) -> Deferred[list[Words]]:
        """Ask workers. Fires with an answer of each, in their order.

        Raises ValueError if the question is too long.
        """
        number = next(self._numbers)
        packet = encode(control.ASK, number, question, MAX_QUESTION)
        inquiry = self._open[number] = Inquiry(dict.fromkeys(workers), Deferred())
        inquiry.timer = self._clock.callLater(ANSWER_TIMEOUT, self._give_up, number)
        for worker in workers:
            if not worker.send(packet):
                self._answered(number, worker, {"error": "it takes no question"})
        if not workers:
            self._finish(number)
        return inquiry.done

    def told(self, worker: Questioned, packet: bytes) -> None:
        """Take an answer of a worker; it may be too late."""
        number, answer = decode(packet)
        self._answered(number, worker, answer)

    def _answered(self, number: int, worker: Questioned, answer: Words) -> None:
        inquiry = self._open.get(number)
        if inquiry is None or worker not in inquiry.waits_for:
            return
        inquiry.answers[worker] = {"process": worker.number, **answer}
        if not inquiry.waits_for:
            self._finish(number)

    def _give_up(self, number: int) -> None:
        error = {"error": f"it has not answered within {ANSWER_TIMEOUT} s"}
        for worker in self._open[number].waits_for:
            self._answered(number, worker, error)

    def _finish(self, number: int) -> None:
        inquiry = self._open.pop(number)
        if inquiry.timer is not None and inquiry.timer.active():
            inquiry.timer.cancel()
        inquiry.done.callback([answer for answer in inquiry.answers.values() if answer is not None])
