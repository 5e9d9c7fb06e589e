"""Clients that close their end of the connection right behind a request, over sockets."""

import socket

from twisted.internet.threads import deferToThread

from testkit.ecm_process import EcmTestCase, Ejabberd

POST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping"
OK = b"HTTP/1.1 200 OK\r\n"


def ask(port: int, data: bytes) -> bytes:
    """Send data, close that direction, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(16_384), b""))


class LiveTests(EcmTestCase):
    async def test_over_sockets(self) -> None:
        ejabberd = await Ejabberd.start(self)
        ecm = await self.start("--upstream", ejabberd.endpoint)
        await ecm.printed("link up")
        for data in (POST, POST.replace(b"Host", b"Connection: close\r\nHost"), POST * 3):
            answer = await deferToThread(ask, self.port, data)
            self.assertEqual(answer.count(OK), data.count(b"POST"), answer)
            self.assertTrue(answer.endswith(b"ping"), answer)
        answers = await deferToThread(ask, self.port, b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        self.assertEqual(answers.count(b"HTTP/1.1 404 "), 100)
        refusal = await deferToThread(ask, self.port, b"nonsense\r\n\r\n")
        self.assertTrue(refusal.startswith(b"HTTP/1.1 400 "), refusal)
        self.assertEqual(await deferToThread(ask, self.port, b"POST"), b"")
