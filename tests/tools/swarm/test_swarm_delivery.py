"""Each message of the swarm arrives once."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.delivery import Delivery


def message(text: bytes) -> bytes:
    return b"<message id='x'><body>%b</body></message>" % text


class MailTests(TestCase):
    def setUp(self) -> None:
        self.delivery = Delivery("run")

    def test_one_that_arrives(self) -> None:
        text = self.delivery.text(1, 7, 1.0)
        self.assertEqual(self.delivery.missing, 1)
        self.assertEqual(self.delivery.arrivals(message(text), 7, 1.5), [0.5])
        self.assertEqual(
            (self.delivery.sent, self.delivery.arrived, self.delivery.missing), (1, 1, 0)
        )

    def test_one_that_arrives_twice(self) -> None:
        twice = message(self.delivery.text(1, 7, 1.0)) * 2
        self.assertEqual(self.delivery.arrivals(twice, 7, 1.5), [0.5])
        self.assertEqual((self.delivery.arrived, self.delivery.twice), (1, 1))

    def test_one_that_comes_back(self) -> None:
        self.assertEqual(self.delivery.arrivals(message(self.delivery.text(1, 7, 1.0)), 8, 1.5), [])
        self.assertEqual((self.delivery.astray, self.delivery.missing), (1, 1))

    def test_those_of_another_run(self) -> None:
        other = message(Delivery("other").text(1, 7, 1.0))
        self.assertEqual(self.delivery.arrivals(other, 7, 1.5), [])
        self.assertEqual((self.delivery.astray, self.delivery.twice), (0, 0))

    def test_those_that_are_missing_for_long(self) -> None:
        for now in (1.0, 2.0, 3.0):
            self.delivery.text(1, 7, now)
        self.assertEqual(self.delivery.missing_since(2.5), 2)

    def test_the_order_between_two_users(self) -> None:
        first, second, third = (message(self.delivery.text(1, 7, 1.0)) for _ in range(3))
        other = message(self.delivery.text(2, 7, 1.0))
        for text in (other, third, first, second):
            self.delivery.arrivals(text, 7, 1.5)
        self.assertEqual((self.delivery.arrived, self.delivery.late), (4, 2))
        self.delivery.arrivals(message(self.delivery.text(1, 7, 2.0)), 7, 2.5)
        self.assertEqual((self.delivery.late, self.delivery._between), (2, {}))

    def test_what_was_under_way_to_or_from_somebody_who_went_is_in_doubt(self) -> None:
        texts = [message(self.delivery.text(*two, 1.0)) for two in ((1, 7), (7, 2), (1, 2), (1, 7))]
        self.delivery.doubt(7)
        self.assertEqual((self.delivery.missing, self.delivery.doubtful), (1, 3))
        self.assertEqual(self.delivery.arrivals(texts[0], 7, 9.0), [])
        self.assertEqual(self.delivery.arrivals(texts[2], 2, 9.0), [8.0])
        told = self.delivery.arrived, self.delivery.missing, self.delivery.doubtful
        self.assertEqual(told, (2, 0, 2))
        self.assertEqual((self.delivery.twice, self.delivery.late), (0, 0))
        self.delivery.arrivals(texts[0], 7, 9.5)
        self.assertEqual((self.delivery.twice, self.delivery._between), (1, {}))

    def test_what_is_lost_is_not_out_of_order(self) -> None:
        self.delivery.text(1, 7, 1.0)
        for _ in range(2):
            self.delivery.arrivals(message(self.delivery.text(1, 7, 1.0)), 7, 1.5)
        self.assertEqual((self.delivery.late, self.delivery.missing), (0, 1))
