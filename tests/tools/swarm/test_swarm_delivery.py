"""Whether each message of the swarm arrives once."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.delivery import Mail


def message(text: bytes) -> bytes:
    return b"<message id='x'><body>%b</body></message>" % text


class MailTests(TestCase):
    def setUp(self) -> None:
        self.mail = Mail("run")

    def test_one_that_arrives(self) -> None:
        text = self.mail.text(7, 1.0)
        self.assertEqual(self.mail.missing, 1)
        self.assertEqual(self.mail.arrivals(message(text), 7, 1.5), [0.5])
        self.assertEqual((self.mail.sent, self.mail.arrived, self.mail.missing), (1, 1, 0))

    def test_one_that_arrives_twice(self) -> None:
        twice = message(self.mail.text(7, 1.0)) * 2
        self.assertEqual(self.mail.arrivals(twice, 7, 1.5), [0.5])
        self.assertEqual((self.mail.arrived, self.mail.twice), (1, 1))

    def test_one_that_comes_back(self) -> None:
        self.assertEqual(self.mail.arrivals(message(self.mail.text(7, 1.0)), 8, 1.5), [])
        self.assertEqual((self.mail.astray, self.mail.missing), (1, 1))

    def test_those_of_another_run(self) -> None:
        other = message(Mail("other").text(7, 1.0))
        self.assertEqual(self.mail.arrivals(other, 7, 1.5), [])
        self.assertEqual((self.mail.astray, self.mail.twice), (0, 0))

    def test_those_that_are_missing_for_long(self) -> None:
        for now in (1.0, 2.0, 3.0):
            self.mail.text(7, now)
        self.assertEqual(self.mail.missing_since(2.5), 2)
