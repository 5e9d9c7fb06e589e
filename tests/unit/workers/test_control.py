"""The control socket between the supervisor and a worker."""

import os
import socket
from typing import Any, cast

from twisted.trial.unittest import TestCase

from ecm.workers import control
from ecm.workers.control import ControlSocket, Load
from testkit.fake_reactor import FakeReactor


class MessageTests(TestCase):
    def test_a_connection_comes_out_as_it_went_in(self) -> None:
        for listener, family in ((0, socket.AF_UNIX), (65_535, socket.AF_INET6)):
            message = control.encode_connection(listener, family)
            self.assertEqual(control.decode_connection(message), (listener, family))

    def test_a_load_comes_out_as_it_went_in(self) -> None:
        for load in (Load(0, 0, 0), Load(2**40, 20_000, 3), Load(1, 1, 0, False, 12.5)):
            self.assertEqual(Load.decode(load.encode()), load)

    def test_the_number_of_those_taken_comes_out_as_it_went_in(self) -> None:
        for number in (0, 2**40):
            self.assertEqual(control.decode_taken(control.encode_taken(number)), number)

    def test_the_first_byte_tells_what_a_message_is(self) -> None:
        self.assertEqual(control.encode_connection(7, 2)[:1], control.CONNECTION)
        self.assertEqual(Load(1, 2, 3).encode()[:1], control.LOAD)
        tags = {
            *(control.CONNECTION, control.LEAVE, control.RETIRE, control.ABORT),
            *(control.TAKEN, control.LOAD, control.LEFT, control.RETIRING, control.SNAPSHOT),
            *(control.DRAIN, control.UNDRAIN, control.ASK, control.TOLD),
        }
        self.assertEqual(len(tags), 13)

    def test_the_seconds_of_a_drain_come_out_as_they_went_in(self) -> None:
        for seconds in (0.0, 599.5, 86_400.0):
            self.assertEqual(control.decode_drain(control.encode_drain(seconds)), seconds)


class SocketTests(TestCase):
    def setUp(self) -> None:
        self.reactor = cast(Any, FakeReactor())
        self.received: list[tuple[bytes, int]] = []
        self.lost = 0
        ours, self.theirs = control.pair()
        self.addCleanup(self.theirs.close)
        self.socket = ControlSocket(ours, self.receive, self.lose, self.reactor)
        self.addCleanup(self.socket.close)

    def receive(self, message: bytes, files: list[int]) -> None:
        self.received.append((message, len(files)))
        for file in files:
            os.close(file)

    def lose(self) -> None:
        self.lost += 1

    def test_messages_arrive_one_by_one_and_in_order(self) -> None:
        self.theirs.send(control.RETIRE)
        socket.send_fds(self.theirs, [control.encode_connection(1, 2)], [0])
        self.reactor.turn()
        self.assertEqual(self.received, [(control.RETIRE, 0), (control.encode_connection(1, 2), 1)])

    def test_a_file_goes_along(self) -> None:
        self.assertTrue(self.socket.send(control.encode_connection(0, 2), 0))
        message, files, _, _ = socket.recv_fds(self.theirs, 64, 1)
        self.assertEqual((message, len(files)), (control.encode_connection(0, 2), 1))
        os.close(files[0])

    def test_who_does_not_read_is_sent_no_more(self) -> None:
        while self.socket.send(control.ABORT):
            pass
        self.theirs.recv(64)
        self.assertTrue(self.socket.send(control.ABORT))

    def test_it_is_open_as_long_as_both_ends_are(self) -> None:
        self.theirs.send(control.RETIRE)
        self.assertTrue(self.socket.is_open)
        self.theirs.close()
        self.assertFalse(self.socket.is_open)
        self.socket.close()
        self.assertFalse(self.socket.is_open)

    def test_the_end_of_the_other_side_is_told(self) -> None:
        self.theirs.close()
        self.reactor.turn()
        self.assertEqual((self.lost, self.reactor.readers), (1, []))
        self.assertFalse(self.socket.send(control.RETIRE))

    def test_what_has_come_can_be_taken_at_once(self) -> None:
        self.socket.drain()
        self.theirs.send(control.RETIRE)
        self.socket.drain()
        self.assertEqual(self.received, [(control.RETIRE, 0)])
        self.theirs.send(control.ABORT)
        self.theirs.close()
        self.socket.drain()
        self.assertEqual((self.received[1:], self.lost), ([(control.ABORT, 0)], 0))

    def test_what_comes_before_the_end_is_taken_though_the_other_side_has_not_read_all(
        self,
    ) -> None:
        self.socket.send(control.RETIRE)
        self.theirs.send(control.RETIRING)
        self.theirs.send(control.LEFT)
        self.theirs.close()
        self.reactor.turn()
        self.assertEqual(self.received, [(control.RETIRING, 0), (control.LEFT, 0)])
        self.assertEqual((self.lost, self.reactor.readers), (1, []))

    def test_ones_own_end_is_not_told(self) -> None:
        self.socket.close()
        self.assertEqual((self.lost, self.reactor.readers), (0, []))
        self.assertEqual(self.theirs.recv(64), b"")
