"""The port of the page."""

import socket

from twisted.trial.unittest import TestCase

from ecm.tools.demo import front
from ecm.tools.demo.front import page_port, xmpp_port
from ecm.tools.errors import ToolError
from ecm.tools.ports import HOST, free_port


class PagePortTest(TestCase):
    def setUp(self) -> None:
        server = self.enterContext(socket.create_server((HOST, 0)))
        self.busy = int(server.getsockname()[1])

    def test_page_port_is_the_one_wanted(self) -> None:
        wanted = free_port()
        self.assertEqual(page_port(wanted), wanted)

    def test_page_port_for_zero_is_any(self) -> None:
        self.assertGreaterEqual(page_port(0), 20000)

    def test_busy_page_port_names_the_port_and_the_option(self) -> None:
        with self.assertRaisesRegex(ToolError, f"{self.busy}.*in use.*--http"):
            page_port(self.busy)

    def test_xmpp_port_is_the_usual_one_or_any_where_that_is_busy(self) -> None:
        usual = free_port()
        self.patch(front, "XMPP_PORT", usual)
        self.assertEqual(xmpp_port(None), usual)
        self.patch(front, "XMPP_PORT", self.busy)
        self.assertNotEqual(xmpp_port(None), self.busy)
        self.assertNotEqual(xmpp_port(0), self.busy)

    def test_busy_xmpp_port_that_is_wanted(self) -> None:
        with self.assertRaisesRegex(ToolError, f"{self.busy}.*in use.*--xmpp"):
            xmpp_port(self.busy)
