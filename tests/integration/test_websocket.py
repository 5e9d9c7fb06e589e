"""WebSockets over real sockets, plain and over TLS."""

import signal
import socket
import ssl
import sys
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread
from websockets.sync.client import ClientConnection

from ecm.websocket import codes
from testkit.certificates import make_certificate
from testkit.ecm_process import EcmTestCase, temporary_folder
from testkit.process import start
from testkit.websocket_talk import TalkCase, converse, shout, talk


class WebSocketTests(TalkCase):
    async def test_it_talks(self) -> None:
        url = f"ws://127.0.0.1:{await self.serve()}/ws"
        self.assertEqual(await talk(converse, url), codes.NORMAL)
        self.assertTrue(self.opened.endswith(b" secure=0"))

    async def test_it_talks_over_tls(self) -> None:
        await self.talks_over_tls(lean=False)

    async def test_it_talks_over_lean_tls(self) -> None:
        await self.talks_over_tls(lean=True)

    async def talks_over_tls(self, lean: bool) -> None:
        certificate = make_certificate(temporary_folder(self))
        trusting = ssl.create_default_context(cadata=certificate.ca.decode())
        url = f"wss://127.0.0.1:{await self.serve(certificate.endpoint(), lean_tls=lean)}/ws"
        self.assertEqual(await talk(converse, url, ssl=trusting), codes.NORMAL)
        self.assertTrue(self.opened.endswith(b" secure=1"))

    async def test_no_message_waits_for_the_one_before(self) -> None:
        """Two in a row took 40 ms, until the kernel of the client had acknowledged the first."""
        url = f"ws://127.0.0.1:{await self.serve()}/ws"

        def look(connection: ClientConnection) -> None:
            (own,) = self.ecm.registry.open
            handle: Any = own.transport.getHandle()
            self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            converse(connection)

        self.assertEqual(await talk(look, url), codes.NORMAL)

    async def test_a_message_that_is_too_long_is_refused(self) -> None:
        url = f"ws://127.0.0.1:{await self.serve()}/ws"
        self.assertEqual(await talk(shout, url), codes.TOO_BIG)


class StopTests(EcmTestCase):
    """The process ends, and tells its clients to come back."""

    async def test_a_graceful_stop_closes_them_for_a_restart(self) -> None:
        ejabberd = start(self, sys.executable, "-m", "testkit.servers.link_echo")
        port = (await ejabberd.printed(r"([0-9]+)\n"))[1]
        ecm = await self.start("--upstream", f"tcp:127.0.0.1:{port}")
        await ecm.printed("link up")
        online: Deferred[None] = Deferred()

        def chat(connection: ClientConnection) -> None:
            connection.send("<open/>")
            assert connection.recv() == "<open/>"
            blockingCallFromThread(cast(Any, reactor), online.callback, None)

        code = talk(chat, f"ws://127.0.0.1:{self.port}/xmpp-websocket")
        await online
        ecm.signal(signal.SIGTERM)
        self.assertEqual(await code, codes.RESTART)
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertRegex(
            ecm.output, r"ECM stopped: .* streams=1 .* streams_accepted\.websocket=1\b"
        )
        self.assertNotIn("Traceback", ecm.output)
