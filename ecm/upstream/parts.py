"""Answers that come in parts, of which the last is an ordinary answer. Pure."""

from typing import Final

from ecm.limits import MAX_CONTENT, MAX_PARTIAL_ANSWERS
from ecm.metrics import Metrics
from ecm.upstream.pending import NOT_UNDERSTOOD, Pending

TOO_MANY: Final = f"more than {MAX_PARTIAL_ANSWERS} answers in parts at a time"


class PartialAnswer:
    """Stands in for a pending request, from the first part of its answer to the last."""

    __slots__ = ("_answers", "_parts", "id", "pending")

    def __init__(self, pending: Pending, answers: "PartialAnswers") -> None:
        self.id = pending.id
        self.pending = pending
        self._answers = answers
        self._parts = bytearray()

    def add(self, part: bytes) -> bool:
        """Keep a part. Returns whether it fits."""
        self._parts += part
        return len(self._parts) <= self._answers.max_content

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        """Pass on all parts. Together they may be longer than each of them."""
        self._answers.forget(self.id)
        if self.add(body):
            self.pending.answered(status, bytes(self._parts), content_type)
        else:
            self._answers.metrics.failed += 1
            self._answers.metrics.answers -= 1  # it is none
            self.pending.rejected(NOT_UNDERSTOOD)

    def renamed(self, connection_id: int) -> None:
        """Begin again: there will be another answer, and what has come of this one is void."""
        self._answers.forget(self.id)
        self._parts.clear()
        self.id = connection_id
        self.pending.renamed(connection_id)

    def rejected(self, why: str) -> None:
        self._answers.forget(self.id)
        self.pending.rejected(why)

    def dropped(self) -> None:
        self._answers.forget(self.id)
        self.pending.dropped()

    def release(self) -> None:
        """The answer is coming already."""


class PartialAnswers:
    """The partial answers of one link: few, each of at most ``max_content`` bytes."""

    def __init__(self, metrics: Metrics, max_content: int = MAX_CONTENT) -> None:
        self.metrics = metrics
        self.max_content = max_content
        self._answers: dict[int, PartialAnswer] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, pending: Pending, part: bytes) -> tuple[Pending, str]:
        """Keep a part of an answer.

        Returns what stands for ``pending`` from now on, and what is wrong with the part, or "".
        """
        answer = self._answers.get(pending.id)
        if answer is None:
            if len(self._answers) >= MAX_PARTIAL_ANSWERS:
                return pending, TOO_MANY
            answer = self._answers[pending.id] = PartialAnswer(pending, self)
        fits = answer.add(part)
        return answer, "" if fits else f"an answer of more than {self.max_content} bytes"

    def forget(self, connection_id: int) -> Pending | None:
        """Drop the parts of an answer, if there are any, and return who waits for it."""
        answer = self._answers.pop(connection_id, None)
        return None if answer is None else answer.pending
