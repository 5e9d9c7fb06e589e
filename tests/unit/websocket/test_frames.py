"""Frames as ECM writes them; ``websockets`` reads them as a client."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from ecm.websocket import codes
from ecm.websocket.frames import CLOSE, PING, PONG, TEXT, close_frame, frame, reply_frame
from testkit.splits import cut, cuts


def read(*pieces: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://a/"), state=State.OPEN)
    for piece in pieces:
        client.receive_data(piece)
    if client.parser_exc is not None:
        raise client.parser_exc
    return [event for event in client.events_received() if isinstance(event, Frame)]


class FrameTests(TestCase):
    def test_lengths_have_their_shortest_form(self) -> None:
        for size, header in (
            (0, b"\x81\x00"),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (65_535, b"\x81\x7e\xff\xff"),
            (65_536, b"\x81\x7f" + (65_536).to_bytes(8)),
        ):
            self.assertEqual(frame(TEXT, bytes(size)), header + bytes(size))
            self.assertEqual(read(frame(TEXT, bytes(size))), [Frame(Opcode.TEXT, bytes(size))])

    @given(st.lists(st.tuples(st.sampled_from([TEXT, PING, PONG]), st.text(max_size=30))), cuts())
    def test_a_client_reads_them(self, sent: list[tuple[int, str]], places: list[int]) -> None:
        data = b"".join(frame(opcode, text.encode()) for opcode, text in sent)
        self.assertEqual(
            read(*cut(data, places)), [Frame(Opcode(op), text.encode()) for op, text in sent]
        )


class CloseTests(TestCase):
    def test_it_says_a_code_and_a_reason(self) -> None:
        self.assertEqual(close_frame(codes.RESTART), b"\x88\x02\x03\xf4")
        self.assertEqual(close_frame(codes.NORMAL, "bye"), b"\x88\x05\x03\xe8bye")

    def test_a_reason_that_is_too_long_is_cut_between_two_characters(self) -> None:
        (found,) = read(close_frame(codes.NORMAL, "é" * 100))
        self.assertEqual(found.data, b"\x03\xe8" + "é".encode() * 61)

    def test_a_reply_repeats_the_code(self) -> None:
        self.assertEqual(reply_frame(b"\x0f\xa0because"), frame(CLOSE, b"\x0f\xa0"))
        self.assertEqual(reply_frame(b""), frame(CLOSE, b""))

    def test_every_code_that_ecm_sends_may_be_sent(self) -> None:
        for name in ("NORMAL", "PROTOCOL_ERROR", "UNSUPPORTED_DATA", "NOT_UTF_8", "POLICY"):
            self.assertTrue(codes.may_be_sent(getattr(codes, name)))
        for name in ("TOO_BIG", "INTERNAL_ERROR", "RESTART", "TRY_AGAIN_LATER"):
            self.assertTrue(codes.may_be_sent(getattr(codes, name)))
