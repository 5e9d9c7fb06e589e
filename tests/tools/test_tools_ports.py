"""Choosing ports."""

import random
import socket
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from ecm.tools.ports import HOST, free_port


class PortsTest(TestCase):
    def test_free_port_can_be_listened_on(self) -> None:
        with socket.create_server((HOST, free_port())):
            pass

    def test_free_port_is_none_that_a_connection_may_get(self) -> None:
        self.assertTrue(all(20000 <= free_port() < 32768 for _ in range(50)))

    def test_a_free_port_is_given_once(self) -> None:
        first = free_port()
        others = random.sample(range(20000, 32768), 20)
        with patch("random.choice", side_effect=[first, *others]):
            self.assertIn(free_port(), set(others) - {first})

    def test_a_port_is_kept_for_a_server_that_stops_and_comes_back(self) -> None:
        port = free_port()
        for _ in range(2):
            with socket.create_server((HOST, port)):
                pass
            with socket.socket() as other, self.assertRaisesRegex(OSError, "in use"):
                other.bind((HOST, port))
