"""The client's half of a WebSocket, beside the server's half of ECM."""

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.http import MAX_HEAD, BadAnswer
from ecm.tools.stream.websocket import NONCE_SIZE, WebSocketWire
from ecm.tools.stream.wire import Opening, Refused
from ecm.websocket.decoder import Decoder, Event
from ecm.websocket.frames import BINARY, CLOSE, FIN, PING, PONG, TEXT, close_frame, frame
from ecm.websocket.keys import accepted

NONCE = bytes(range(NONCE_SIZE))
KEY = b"\x37\xfa\x21\x3d"
ACCEPTED = accepted(b"AAECAwQFBgcICQoLDA0ODw==")
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nconnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: %b\r\n\r\n"
)


def wire() -> WebSocketWire:
    return WebSocketWire("127.0.0.1:7080", "/ws", "localhost", NONCE, KEY)


def decoded(data: bytes) -> list[Event]:
    """Return the events that a server reads."""
    decoder = Decoder(1_000_000)
    decoder.add(data)
    found = []
    while event := decoder.next():
        found.append(event)
    assert decoder.idle
    return found


class HandshakeTests(TestCase):
    def test_a_server_accepts_it(self) -> None:
        self.assertIn(b"\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n", wire().greeting)
        step = wire().opening(SWITCHED % (ACCEPTED, b"xmpp") + b"rest")
        self.assertEqual(step, Opening(ready=True, rest=b"rest"))

    def test_an_answer_in_pieces(self) -> None:
        answer = SWITCHED % (ACCEPTED, b"xmpp")
        for at in range(len(answer)):
            self.assertIsNone(wire().opening(answer[:at]))

    def test_an_answer_that_is_none(self) -> None:
        for answer in (
            SWITCHED % (accepted(b"another key"), b"xmpp"),
            SWITCHED % (ACCEPTED, b"mqtt"),
            b"SSH-2.0\r\n\r\n",
            b"x" * (MAX_HEAD + 1),
        ):
            self.assertRaises(BadAnswer, wire().opening, answer)

    def test_a_refusal(self) -> None:
        for lines, seconds in (
            (b"", 0),
            (b"Retry-After: 7\r\n", 7),
            (b"Retry-After: tomorrow\r\n", 0),
        ):
            head = b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n" % lines
            refused = self.assertRaises(Refused, wire().opening, head)
            self.assertEqual((str(refused), refused.retry_after), ("status 503", seconds))


class FrameTests(TestCase):
    def test_what_is_said_is_read_by_a_server(self) -> None:
        for size in (0, 1, 125, 126, 65_535, 65_536):
            text = b"a" * size
            self.assertEqual(decoded(wire().wrapped(text)), [Event(TEXT, text)])
        (begin,) = decoded(wire().header)
        self.assertIn(b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to=", begin.payload)

    def test_what_a_server_says(self) -> None:
        texts = [b"<a/>", b"b" * 126, b"c" * 65_536, b""]
        data = b"".join(frame(TEXT, text) for text in texts)
        heard = wire().heard(data)
        self.assertEqual((heard.text, heard.rest, heard.ended), (b"".join(texts), b"", ""))

    def test_pieces(self) -> None:
        data = frame(TEXT, b"<a/>") + frame(TEXT, b"b" * 200)
        for at in range(len(data)):
            first = wire().heard(data[:at])
            second = wire().heard(first.rest + data[at:])
            self.assertEqual(first.text + second.text, b"<a/>" + b"b" * 200)

    def test_a_ping_is_answered(self) -> None:
        heard = wire().heard(frame(PING, b"x") + frame(PONG, b"y") + frame(TEXT, b"<a/>"))
        self.assertEqual(decoded(heard.reply), [Event(PONG, b"x")])
        self.assertEqual(heard.text, b"<a/>")

    def test_the_end(self) -> None:
        for payload, told, reply in (
            (close_frame(1000, "bye"), "closed", b"\x03\xe8"),
            (close_frame(1012), "closed 1012", b"\x03\xf4"),
            (frame(CLOSE, b""), "closed", b""),
        ):
            heard = wire().heard(payload + b"what is behind")
            self.assertEqual((heard.ended, heard.rest), (told, b""))
            self.assertEqual(decoded(heard.reply), [Event(CLOSE, reply)])

    def test_what_no_server_of_chats_sends(self) -> None:
        for data in (
            frame(BINARY, b"x"),
            bytes((TEXT, 1)) + b"x",  # a fragment
            bytes((FIN | TEXT, 0x81)) + KEY + b"x",  # masked
            bytes((FIN | TEXT, 127)) + (2**40).to_bytes(8),
        ):
            self.assertRaises(BadAnswer, wire().heard, data)
