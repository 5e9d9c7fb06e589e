"""Questions to the processes of an ECM, as packets with JSON; and who answers them."""

import json
import struct
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()

# What JSON can say, with names in front. A question is {topic: {...}}.
Words = dict[str, Any]

# The topics of what finds clients, of what sets the level of the log, and of what traces one.
ABOUT: Final = "about"
LOG: Final = "log"
TRACE: Final = "trace"

# Gives the answer to a question of one topic, now or later, from what stands behind its topic.
# Raises ValueError if the question is none.
Answer = Callable[[Words], Words | Deferred[Words]]

_HEAD: Final = struct.Struct("=cQ")


def encode(tag: bytes, number: int, words: Words, longest: int) -> bytes:
    """Return a packet. Raises ValueError if it would have more than ``longest`` bytes."""
    packet = _HEAD.pack(tag, number) + json.dumps(words, separators=(",", ":")).encode()
    if len(packet) > longest:
        raise ValueError(f"too long: it has {len(packet)} bytes of {longest}")
    return packet


def decode(packet: bytes) -> tuple[int, Words]:
    """Return the number and the words of a packet."""
    _, number = _HEAD.unpack(packet[: _HEAD.size])
    return number, json.loads(packet[_HEAD.size :])


class Answers:
    """The answers of one process, by the topics of their questions."""

    def __init__(self) -> None:
        self._by_topic: dict[str, Answer] = {}

    def add(self, topic: str, answer: Answer) -> None:
        """Have the questions of a topic answered."""
        self._by_topic[topic] = answer

    def answer(self, question: Words) -> Deferred[Words]:
        """Answer a question. The answer has ``error``, and says why, where there is no other."""
        answered: Deferred[Words] = succeed(question).addCallback(self._answer)
        return answered.addErrback(_error)

    def _answer(self, question: Words) -> Words | Deferred[Words]:
        topic = next(iter(question), "")
        answer = self._by_topic.get(topic)
        if answer is None:
            raise ValueError(f"there is nothing to say about {topic!r}")
        return answer(question[topic])


def _error(failure: Failure) -> Words:
    if failure.check(ValueError) is None:
        _log.failure("error in ECM; a question of the operator has no answer", failure)
    return {"error": failure.getErrorMessage()}
