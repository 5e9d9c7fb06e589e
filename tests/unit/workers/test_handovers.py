"""Connections on their way to a worker: kept until it has taken them, for another one."""

import os
import socket

from twisted.trial.unittest import TestCase

from ecm.workers.handovers import Handovers


class HandoversTests(TestCase):
    def setUp(self) -> None:
        self.handovers = Handovers()
        self.clients = [self.hand_over(number) for number in range(3)]

    def hand_over(self, listener: int) -> socket.socket:
        """Note a connection, as one that was sent; return the client's end."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        theirs.setblocking(False)
        with ours:
            self.handovers.add(listener, socket.AF_UNIX, ours.fileno())
        return theirs

    def closed(self) -> list[bool]:
        """Return of each connection whether nobody has it any more."""

        def is_closed(client: socket.socket) -> bool:
            try:
                return client.recv(1) == b""
            except BlockingIOError:
                return False

        return [is_closed(client) for client in self.clients]

    def test_one_that_is_taken_is_let_go(self) -> None:
        self.assertEqual(self.closed(), [False, False, False])
        self.handovers.taken(2)
        self.assertEqual(self.closed(), [True, True, False])
        self.handovers.taken(2)
        self.assertEqual(len(self.handovers), 1)
        self.handovers.taken(3)
        self.assertEqual(self.closed(), [True, True, True])

    def test_those_that_are_not_taken_come_back_in_their_order(self) -> None:
        self.handovers.taken(1)
        back = []
        for listener, family, connection in self.handovers.take_back():
            back.append((listener, family))
            os.write(connection, b"x")
        self.assertEqual(back, [(1, socket.AF_UNIX), (2, socket.AF_UNIX)])
        self.assertEqual([client.recv(9) for client in self.clients[1:]], [b"x", b"x"])
        self.assertEqual(self.closed(), [True, True, True])
        self.assertEqual([*self.handovers.take_back()], [])

    def test_one_that_could_not_be_duplicated_is_counted_and_does_not_come_back(self) -> None:
        def no_files(connection: int) -> int:
            raise OSError(24, "Too many open files")

        self.patch(os, "dup", no_files)
        self.hand_over(3)
        self.handovers.taken(3)
        self.assertEqual(len(self.handovers), 1)
        self.assertEqual([*self.handovers.take_back()], [])
