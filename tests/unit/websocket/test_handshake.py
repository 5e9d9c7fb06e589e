"""The opening handshake; ``websockets`` is the client of those that are taken."""

from twisted.trial.unittest import TestCase
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ecm.http.cors import Cors
from ecm.http.request import Head, RequestError, RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.websocket.handshake import accept, refusal
from testkit.in_memory import DATE
from testkit.samples.websocket_handshakes import ACCEPT, ACCEPTED, CORS, REFUSED, handshake


def head(data: bytes) -> Head:
    parser = RequestParser(RequestLimits())
    parser.add(data)
    request = parser.next()
    assert request is not None
    return request.head


class HandshakeTests(TestCase):
    def test_good_ones_are_accepted(self) -> None:
        for data in ACCEPTED:
            self.assertIsNone(refusal(head(data), CORS), data)

    def test_others_are_told_why(self) -> None:
        for data, status, lines in REFUSED:
            try:
                found = refusal(head(data), CORS)
            except RequestError as error:  # no request for anybody
                self.assertEqual(error.status, status)
                continue
            assert found is not None, data
            self.assertEqual(found.status, status, data)
            answer = found.response(DATE)
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), data)
            self.assertIn(lines, answer)
            self.assertIn(DATE, answer)

    def test_the_answer_is_that_of_the_rfc(self) -> None:
        answer = accept(head(handshake()), DATE)
        self.assertEqual(
            answer,
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + ACCEPT
            + b"\r\nSec-WebSocket-Protocol: xmpp\r\n"
            + DATE
            + b"\r\n",
        )

    def test_a_client_takes_the_answer(self) -> None:
        client = ClientProtocol(
            parse_uri("ws://server.example/ws"), subprotocols=[Subprotocol("xmpp")]
        )
        client.send_request(client.connect())
        (request,) = client.data_to_send()
        self.assertIsNone(refusal(head(request), CORS))
        client.receive_data(accept(head(request), DATE))
        self.assertIsNone(client.handshake_exc)
        self.assertIs(client.state, State.OPEN)
        self.assertEqual(client.subprotocol, "xmpp")

    def test_without_an_option_pages_of_any_origin_may_connect(self) -> None:
        for line in (b"Origin: https://other.example", b"Origin: null"):
            self.assertIsNone(refusal(head(handshake(line)), Cors()))
