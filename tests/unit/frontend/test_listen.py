"""Listening on endpoints: those that fail, and those that take their time."""

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.trial.unittest import TestCase

from ecm.errors import StartupError
from ecm.frontend import listen as module
from ecm.frontend.listen import Listening, listen, listen_at_once, stop_listening


class Endpoint:
    """An endpoint, and its port."""

    def __init__(self, listening: Deferred[IListeningPort]) -> None:
        self._listening = listening

    def listen(self, factory: ServerFactory) -> Deferred[IListeningPort]:
        return self._listening


class Port:
    """A port in memory."""

    def __init__(self) -> None:
        self.stopped = False
        self.socket = self

    def setsockopt(self, *_: int) -> None:
        """Take note of nothing."""

    def stopListening(self) -> None:
        self.stopped = True


class ListenTests(TestCase):
    def setUp(self) -> None:
        self.port = Port()
        self.reactor = cast(Any, None)

    def endpoint(self, listening: Deferred[Any]) -> None:
        """Let endpoint strings mean this endpoint."""
        self.patch(module, "server_endpoint", lambda *_: Endpoint(listening))

    def listen(self, listening: Deferred[Any]) -> Listening:
        self.endpoint(listening)
        return listen("tcp:80", ServerFactory(), self.reactor)

    def stop(self, listening: Listening) -> None:
        self.successResultOf(ensureDeferred(stop_listening(listening)))

    def test_a_port_is_there_at_once_and_is_closed(self) -> None:
        self.endpoint(succeed(self.port))
        port = listen_at_once("tcp:80", ServerFactory(), self.reactor)
        self.assertIs(port, self.port)
        self.stop(self.listen(succeed(self.port)))
        self.assertTrue(self.port.stopped)

    def test_one_that_is_in_use_ends_ecm_with_one_line(self) -> None:
        for error in (CannotListenError("", 80, OSError("in use")), OSError(), OverflowError()):
            self.assertRaises(StartupError, self.listen, fail(error))

    def test_an_error_in_an_endpoint_is_not_hidden(self) -> None:
        self.assertRaises(ZeroDivisionError, self.listen, fail(ZeroDivisionError()))

    def test_one_that_takes_its_time_is_closed_as_well(self) -> None:
        pending: Deferred[Any] = Deferred()
        listening = self.listen(pending)
        pending.callback(self.port)
        self.stop(listening)
        self.assertTrue(self.port.stopped)

    def test_or_given_up(self) -> None:
        pending: Deferred[Any] = Deferred(lambda each: each.errback(CancelledError()))
        self.stop(self.listen(pending))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_that_fails_later_is_logged(self) -> None:
        pending: Deferred[Any] = Deferred()
        listening = self.listen(pending)
        pending.errback(OSError("in use"))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.stop(listening)

    def test_workers_need_one_that_does_not(self) -> None:
        self.endpoint(Deferred())
        with self.assertRaisesRegex(StartupError, "tcp:80 does not listen at once"):
            listen_at_once("tcp:80", ServerFactory(), self.reactor)
