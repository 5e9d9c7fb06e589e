"""Questions of the operator to a process, and who answers them."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.questions import Answers, Words, decode, encode


class PacketTests(TestCase):
    def test_words_come_out_as_they_went_in(self) -> None:
        for number, words in ((0, {}), (2**40, {"who": "j\u00fcrgen", "n": [1, 2.5, None, True]})):
            packet = encode(b"Q", number, words, 100)
            self.assertEqual((packet[:1], decode(packet)), (b"Q", (number, words)))

    def test_a_packet_that_would_be_too_long(self) -> None:
        with self.assertRaisesRegex(ValueError, "109 bytes of 108"):
            encode(b"Q", 1, {"a": "x" * 92}, 108)


class AnswersTests(TestCase):
    def setUp(self) -> None:
        self.answers = Answers()

    def test_topics_are_answered_by_those_who_know(self) -> None:
        later: Deferred[Words] = Deferred()
        self.answers.add("now", lambda asked: {"got": asked})
        self.answers.add("later", lambda asked: later)
        now = self.answers.answer({"now": {"a": 1}})
        self.assertEqual(self.successResultOf(now), {"got": {"a": 1}})
        waits = self.answers.answer({"later": {}})
        self.assertNoResult(waits)
        later.callback({"b": 2})
        self.assertEqual(self.successResultOf(waits), {"b": 2})

    def test_what_nobody_knows(self) -> None:
        questions: list[Words] = [{"what": {}}, {}]
        for question in questions:
            answer = self.successResultOf(self.answers.answer(question))
            self.assertRegex(answer["error"], "nothing to say")

    def test_a_question_that_is_none(self) -> None:
        def answer(asked: Words) -> Words:
            raise ValueError("give an address")

        self.answers.add("of", answer)
        answered = self.successResultOf(self.answers.answer({"of": {}}))
        self.assertEqual(answered, {"error": "give an address"})

    def test_a_fault_of_ours_is_logged_and_is_an_answer_too(self) -> None:
        self.answers.add("of", lambda asked: {"a": asked["b"]})
        answered = self.successResultOf(self.answers.answer({"of": {}}))
        self.assertEqual(answered, {"error": "'b'"})
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
