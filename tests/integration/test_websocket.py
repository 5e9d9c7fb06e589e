"""WebSockets over real sockets, plain and over TLS."""

import ssl

from ecm.websocket import codes
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.websocket_talk import TalkCase, converse, shout


class WebSocketTests(TalkCase):
    async def test_it_talks(self) -> None:
        url = f"ws://127.0.0.1:{await self.serve()}/ws"
        self.assertEqual(await self.talk(converse, url), codes.NORMAL)
        self.assertTrue(self.opened.endswith(b" secure=0"))

    async def test_it_talks_over_tls(self) -> None:
        certificate = make_certificate(temporary_folder(self))
        trusting = ssl.create_default_context(cadata=certificate.ca.decode())
        url = f"wss://127.0.0.1:{await self.serve(certificate.endpoint())}/ws"
        self.assertEqual(await self.talk(converse, url, ssl=trusting), codes.NORMAL)
        self.assertTrue(self.opened.endswith(b" secure=1"))

    async def test_a_message_that_is_too_long_is_refused(self) -> None:
        url = f"ws://127.0.0.1:{await self.serve()}/ws"
        self.assertEqual(await self.talk(shout, url), codes.TOO_BIG)
