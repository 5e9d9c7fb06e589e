"""Questions to workers: each is asked, and those that do not answer in time are not waited for."""

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.limits import ANSWER_TIMEOUT, MAX_ANSWER, MAX_QUESTION
from ecm.questions import decode, encode
from ecm.workers import control
from ecm.workers.inquiries import Inquiries


class Worker:
    """Takes questions, or does not."""

    def __init__(self, number: int, sent: list[bytes], takes: bool = True) -> None:
        self.number = number
        self._sent = sent
        self._takes = takes

    def send(self, order: bytes, *files: int) -> bool:
        self._sent.append(order)
        return self._takes


class InquiriesTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.inquiries = Inquiries(self.clock)
        self.sent: list[bytes] = []

        self.one, self.two = Worker(1, self.sent), Worker(2, self.sent)

    def tell(self, worker: Worker, packet: bytes, answer: dict[str, Any]) -> None:
        """Let a worker answer what it was asked."""
        number, _ = decode(packet)
        self.inquiries.told(worker, encode(control.TOLD, number, answer, MAX_ANSWER))

    def test_each_worker_answers_in_its_own_time(self) -> None:
        asked = self.inquiries.ask({"topic": {"a": 1}}, [self.one, self.two])
        packet, same = self.sent
        self.assertEqual(packet, same)
        self.assertEqual((packet[:1], decode(packet)[1]), (control.ASK, {"topic": {"a": 1}}))
        self.tell(self.two, packet, {"two": 2})
        self.tell(self.two, packet, {"two": 3})
        self.assertNoResult(asked)
        self.tell(self.one, packet, {"one": 1})
        answers = [{"process": 1, "one": 1}, {"process": 2, "two": 2}]
        self.assertEqual(self.successResultOf(asked), answers)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_does_not_answer_is_not_waited_for(self) -> None:
        asked = self.inquiries.ask({"topic": {}}, [self.one, self.two])
        self.tell(self.two, self.sent[0], {})
        self.clock.advance(ANSWER_TIMEOUT)
        error = {"process": 1, "error": "it has not answered within 1 s"}
        self.assertEqual(self.successResultOf(asked), [error, {"process": 2}])
        self.tell(self.one, self.sent[0], {"late": 1})  # nobody waits for it

    def test_answers_find_their_questions(self) -> None:
        first = self.inquiries.ask({"topic": {}}, [self.one])
        second = self.inquiries.ask({"topic": {}}, [self.one])
        self.tell(self.one, self.sent[1], {"of": 2})
        self.tell(self.one, self.sent[0], {"of": 1})
        self.assertEqual(self.successResultOf(first), [{"process": 1, "of": 1}])
        self.assertEqual(self.successResultOf(second), [{"process": 1, "of": 2}])

    def test_two_of_one_number_are_told_apart(self) -> None:
        former = Worker(1, self.sent)
        asked = self.inquiries.ask({"topic": {}}, [self.one, former])
        self.tell(former, self.sent[0], {"of": "the former"})
        self.assertNoResult(asked)
        self.tell(self.one, self.sent[0], {"of": "this"})
        answers = [{"process": 1, "of": "this"}, {"process": 1, "of": "the former"}]
        self.assertEqual(self.successResultOf(asked), answers)

    def test_a_worker_that_takes_no_question(self) -> None:
        asked = self.inquiries.ask({"topic": {}}, [Worker(1, self.sent, takes=False)])
        error = {"process": 1, "error": "it takes no question"}
        self.assertEqual(self.successResultOf(asked), [error])

    def test_nobody_there(self) -> None:
        self.assertEqual(self.successResultOf(self.inquiries.ask({"topic": {}}, [])), [])

    def test_a_question_that_is_too_long(self) -> None:
        long = {"topic": {"a": "x" * MAX_QUESTION}}
        with self.assertRaisesRegex(ValueError, "too long"):
            self.inquiries.ask(long, [self.one])
        longest = "x" * (MAX_QUESTION - 9 - len(json.dumps({"a": ""}, separators=(",", ":"))))
        self.inquiries.ask({"a": longest}, [self.one])
        self.assertEqual(len(self.sent[0]), MAX_QUESTION)
        self.clock.advance(ANSWER_TIMEOUT)
