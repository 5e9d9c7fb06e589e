"""Questions of the supervisor that wait for the answers of workers."""

from collections.abc import Callable, Mapping
from itertools import count

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ecm.limits import ANSWER_TIMEOUT, MAX_QUESTION
from ecm.questions import Words, decode, encode
from ecm.workers import control

# Sends a packet to a worker. Returns False if it takes none.
Send = Callable[[bytes], bool]


@attrs.define(eq=False)
class Inquiry:
    """A question that some workers have not answered yet, by their numbers."""

    waits_for: set[int]
    answers: dict[int, Words]
    done: Deferred[list[Words]]
    timer: IDelayedCall | None = None


class Inquiries:
    """Puts questions to workers, and gives up those that do not answer in time."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._open: dict[int, Inquiry] = {}

    def ask(self, question: Words, workers: Mapping[int, Send]) -> Deferred[list[Words]]:
        """Ask workers, by their numbers. Fires with an answer of each, in their order.

        Raises ValueError if the question is too long.
        """
        number = next(self._numbers)
        packet = encode(control.ASK, number, question, MAX_QUESTION)
        inquiry = self._open[number] = Inquiry({*workers}, {}, Deferred())
        inquiry.timer = self._clock.callLater(ANSWER_TIMEOUT, self._give_up, number)
        for worker, send in workers.items():
            if not send(packet):
                self._answered(number, worker, {"error": "it takes no question"})
        if not workers:
            self._finish(number)
        return inquiry.done

    def told(self, worker: int, packet: bytes) -> None:
        """Take an answer of a worker; it may be too late."""
        number, answer = decode(packet)
        self._answered(number, worker, answer)

    def _answered(self, number: int, worker: int, answer: Words) -> None:
        inquiry = self._open.get(number)
        if inquiry is None or worker not in inquiry.waits_for:
            return
        inquiry.waits_for.discard(worker)
        inquiry.answers[worker] = {"process": worker, **answer}
        if not inquiry.waits_for:
            self._finish(number)

    def _give_up(self, number: int) -> None:
        error = {"error": f"it has not answered within {ANSWER_TIMEOUT} s"}
        for worker in sorted(self._open[number].waits_for):
            self._answered(number, worker, error)

    def _finish(self, number: int) -> None:
        inquiry = self._open.pop(number)
        if inquiry.timer is not None and inquiry.timer.active():
            inquiry.timer.cancel()
        inquiry.done.callback([answer for _, answer in sorted(inquiry.answers.items())])
