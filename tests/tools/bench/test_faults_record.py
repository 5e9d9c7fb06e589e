"""The account of messages of the lab, and what it comes to."""

from twisted.trial.unittest import TestCase

from bench.faults.record import Losses, Record, quantile, text
from ecm.tools.bosh.stanzas import message

ANNA, BERT, CARL = ALL = range(3)
NONE = Losses(told=0, untold=0, stuck=0, returned=0, twice=0, disordered=0)


def body(*numbers: int, type: str = "chat") -> bytes:
    """Return an answer with these messages."""
    stanzas = b"".join(message(b"somebody@a/b", text(number)) for number in numbers)
    content = b"<presence/>" + stanzas.replace(b"chat", type.encode())
    return b"<body xmlns='http://jabber.org/protocol/httpbind'>%b</body>" % content


class RecordTests(TestCase):
    def setUp(self) -> None:
        self.record = Record()

    def say(self, now: float = 0, receiver: int = BERT) -> int:
        return self.record.say(ANNA, [receiver], now)

    def test_a_message_that_arrives_is_not_lost(self) -> None:
        number = self.say()
        self.assertEqual(self.record.expected, 1)
        self.record.arrived(BERT, body(number), 2)
        self.assertEqual(self.record.expected, 0)
        self.assertEqual(self.record.losses(ALL), NONE)

    def test_losses_are_told_by_the_answer_to_their_sender(self) -> None:
        self.record.answered([self.say()])
        self.say()
        losses = self.record.losses(ALL)
        self.assertEqual((losses.told, losses.untold), (1, 1))

    def test_a_message_may_come_twice(self) -> None:
        number = self.say()
        self.record.arrived(BERT, body(number, number), 1)
        self.record.arrived(BERT, body(number), 2)
        self.assertEqual(self.record.losses(ALL).twice, 1)
        self.assertEqual(self.record.expected, 0)

    def test_the_order_is_that_of_each_pair(self) -> None:
        first, other, second = self.say(), self.say(receiver=CARL), self.say()
        self.record.arrived(BERT, body(second), 1)
        self.record.arrived(CARL, body(other), 1)
        self.assertEqual(self.record.losses(ALL).disordered, 0)
        self.record.arrived(BERT, body(first), 2)
        self.assertEqual(self.record.losses(ALL).disordered, 1)

    def test_a_message_that_comes_with_the_next_login_was_stuck(self) -> None:
        first, second = self.say(), self.say()
        self.record.answered([first, second])
        self.record.arrived(BERT, body(second), 1)
        self.record.collect()
        self.record.arrived(BERT, body(first), 9)
        losses = self.record.losses(ALL)
        self.assertEqual((losses.told, losses.stuck, losses.disordered), (0, 1, 0))
        self.assertEqual(self.record.silences(range(3)), [1])

    def test_a_message_that_bounces_is_not_lost(self) -> None:
        number = self.say()
        self.record.answered([number])
        self.record.arrived(ANNA, body(number, type="error"), 1)
        losses = self.record.losses(ALL)
        self.assertEqual((losses.told, losses.returned), (0, 1))
        self.assertEqual(self.record.expected, 0)

    def test_a_message_whose_sender_has_lost_its_session_is_not_expected(self) -> None:
        first, second = self.say(), self.say()
        self.record.dropped([first, second])
        self.record.dropped([first])
        self.assertEqual(self.record.expected, 0)
        self.record.arrived(BERT, body(second), 1)
        self.assertEqual((self.record.expected, self.record.losses(ALL).untold), (0, 1))

    def test_who_has_gone_expects_nothing(self) -> None:
        self.say()
        self.say(receiver=CARL)
        self.record.gone(BERT)
        self.assertEqual(self.record.expected, 1)

    def test_a_message_of_another_run_is_astray(self) -> None:
        self.record.arrived(BERT, body(self.say() + 1), 1)
        self.record.arrived(CARL, body(0), 1)
        self.assertEqual(self.record.astray, 2)
        self.assertEqual(self.record.expected, 1)

    def test_a_message_to_a_room_is_one_for_each_member(self) -> None:
        first, second = [self.record.say(ANNA, [BERT, CARL], 0) for _ in range(2)]
        self.record.answered([first, second])
        self.assertEqual(self.record.expected, 4)
        self.record.arrived(BERT, body(first, second), 1)
        self.record.arrived(CARL, body(second), 1)
        losses = self.record.losses(ALL)
        self.assertEqual((losses.told, losses.disordered), (1, 0))
        self.record.arrived(CARL, body(first), 1)
        losses = self.record.losses(ALL)
        self.assertEqual((losses.told, losses.disordered), (0, 1))
        self.assertEqual(self.record.expected, 0)

    def test_only_messages_between_those_who_are_watched_count(self) -> None:
        self.record.answered([self.say(), self.say(receiver=CARL)])
        self.assertEqual(self.record.losses({ANNA, CARL}).told, 1)
        self.assertEqual(self.record.losses({BERT, CARL}).told, 0)

    def test_an_error_is_not_taken_for_the_message_behind_it(self) -> None:
        number = self.say()
        bounced = b"<message type='error' to='a'><error/></message>"
        self.record.arrived(BERT, bounced + body(number), 1)
        self.assertEqual(self.record.losses(ALL), NONE)

    def test_silence_is_the_longest_wait_of_a_user(self) -> None:
        for said, came, receiver in ((0, 3, BERT), (1, 2, BERT), (0, 1, CARL), (0, 9, 50)):
            number = self.say(said, receiver)
            self.record.arrived(receiver, body(number), came)
        self.assertEqual(self.record.silences(range(3)), [1, 3])

    def test_a_text_has_the_size_that_is_wanted(self) -> None:
        for number in (0, 7, 12_345):
            self.assertEqual(len(text(number, 2_000)), 2_000)
            self.assertLess(len(text(number)), 20)


class QuantileTests(TestCase):
    def test_of_nothing_there_is_none(self) -> None:
        self.assertIsNone(quantile([], 0.5))

    def test_the_last_is_the_whole(self) -> None:
        figures = [float(each) for each in range(1, 101)]
        found = [quantile(figures, share) for share in (0, 0.5, 0.99, 1)]
        self.assertEqual(found, [1, 51, 100, 100])
