"""The decoder of what WebSocket clients send; ``websockets`` says what the same bytes mean."""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from ecm.websocket import codes
from ecm.websocket.codes import WebSocketError
from ecm.websocket.decoder import Decoder, Event, only
from ecm.websocket.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from testkit.samples.websocket import FAULTS, MAX_MESSAGE, MESSAGES
from testkit.splits import cut, cuts, whole_and_bytewise
from testkit.websocket_frames import KEY, masked

LIMIT = 300

Found = list[Event | int]


def taken(decoder: Decoder) -> list[Event]:
    found = []
    while (event := decoder.next()) is not None:
        found.append(event)
    return found


def decoded(pieces: list[bytes], limit: int = MAX_MESSAGE) -> Found:
    """Return the events in pieces, up to a Close frame, and the status code of a fault."""
    decoder, found = Decoder(limit), Found()
    try:
        for piece in pieces:
            decoder.add(piece)
            while (event := decoder.next()) is not None:
                found.append(event)
                if event.opcode == CLOSE:
                    return found
    except WebSocketError as error:
        found.append(error.code)
    return found


class TableTests(TestCase):
    def test_what_clients_send_is_understood_whole_and_in_bytes(self) -> None:
        for data, meant in MESSAGES:
            for pieces in whole_and_bytewise(data):
                self.assertEqual(decoded(pieces), meant, data[:80])

    def test_the_beginning_of_a_long_message_is_not_a_short_one(self) -> None:
        """As many bytes as a frame of 127 would have, whose length takes none of its own."""
        whole = masked(TEXT, bytes(70_000), key=bytes(4))
        self.assertIsNone(only(whole[:133], MAX_MESSAGE))
        self.assertEqual(decoded([whole[:133], whole[133:]]), [Event(TEXT, bytes(70_000))])

    def test_what_stands_behind_waits(self) -> None:
        behind = masked(TEXT, b"the next one")
        for data, meant in MESSAGES:
            decoder = Decoder(MAX_MESSAGE)
            decoder.add(data + behind[:-1])
            if meant[-1].opcode != CLOSE:
                self.assertEqual(taken(decoder), meant, data[:80])
                self.assertFalse(decoder.idle)
                decoder.add(behind[-1:])
                self.assertEqual(taken(decoder), [Event(TEXT, b"the next one")])
                self.assertTrue(decoder.idle)
                self.assertEqual(decoder.held, 0)

    def test_what_no_client_may_send_has_a_code_whole_and_in_bytes(self) -> None:
        for data, code in FAULTS:
            for pieces in whole_and_bytewise(data):
                self.assertEqual(decoded(pieces)[-1:], [code], data[:80])

    def test_messages_before_a_fault_are_delivered(self) -> None:
        before, meant = (
            masked(TEXT, b"a") + masked(PING, b"b"),
            [Event(TEXT, b"a"), Event(PING, b"b")],
        )
        for data, code in FAULTS:
            self.assertEqual(decoded([before + data])[:2], meant)
            self.assertEqual(decoded([before + data])[-1], code)

    def test_a_fault_is_found_with_the_first_byte_that_is_wrong(self) -> None:
        """Within a fragment, too, whose rest never comes."""
        for good, before in (("κόσμε".encode(), b""), (b"\xf4", b""), (b"\xf4", b"\xce")):
            decoder = Decoder(MAX_MESSAGE)
            decoder.add(masked(TEXT, b"a" + before, False))
            decoder.add(masked(CONTINUATION, b"\xba"[: len(before)], False))
            frame = masked(CONTINUATION, good + b"\x90\x80\x80edited")
            decoder.add(frame[: 6 + len(good)])
            self.assertIsNone(decoder.next())
            decoder.add(frame[6 + len(good) :][:1])
            self.assertRaises(WebSocketError, decoder.next)

    def test_a_message_that_is_too_long_is_refused_before_it_comes(self) -> None:
        decoder = Decoder(MAX_MESSAGE)
        decoder.add(masked(TEXT, b"a" * (MAX_MESSAGE + 1))[:14])
        error = self.assertRaises(WebSocketError, decoder.next)
        self.assertEqual(error.code, codes.TOO_BIG)
        self.assertLess(decoder.held, 20)

    def test_a_frame_of_a_message_that_has_ended_is_not_held(self) -> None:
        decoder = Decoder(MAX_MESSAGE)
        decoder.add(masked(TEXT, b"a" * 100, False))
        self.assertIsNone(decoder.next())
        self.assertEqual((decoder.idle, decoder.held), (False, 100))
        decoder.add(masked(CONTINUATION))
        self.assertEqual(taken(decoder), [Event(TEXT, b"a" * 100)])
        self.assertEqual((decoder.idle, decoder.held), (True, 0))


class OnlyTests(TestCase):
    """The short way says what the long one says, or nothing."""

    def test_it_takes_what_clients_mostly_send(self) -> None:
        for payload in (b"", b"<r/>", "é".encode() * 60, b"a" * 125, b"a" * 126, b"a" * 65_535):
            data = masked(TEXT, payload)
            self.assertEqual(only(data, MAX_MESSAGE), Event(TEXT, payload))
            self.assertIsNone(only(data[:-1], MAX_MESSAGE))
            self.assertIsNone(only(data + b"\x81", MAX_MESSAGE))
            self.assertIsNone(only(data, len(payload) - 1))

    def test_it_leaves_everything_else(self) -> None:
        for data, meant in MESSAGES:
            found = only(data, MAX_MESSAGE)
            self.assertIn(found, (None, meant[0]))
            self.assertTrue(found is None or len(meant) == 1)
        for data, _ in FAULTS:
            for end in range(min(len(data), 200) + 1):
                self.assertIsNone(only(data[:end], MAX_MESSAGE), data[:80])


def oracle(pieces: list[bytes]) -> Found:
    """Return the same as ``decoded``, as ``websockets`` understands it."""
    protocol = ServerProtocol(state=State.OPEN, max_size=LIMIT)
    frames: list[Frame] = []
    for piece in pieces:
        protocol.receive_data(piece)
        frames += [event for event in protocol.events_received() if isinstance(event, Frame)]
    found = joined(frames)
    if protocol.parser_exc is None:
        return found
    if isinstance(protocol.parser_exc, UnicodeDecodeError):
        return [*found, codes.NOT_UTF_8]
    if isinstance(protocol.parser_exc, PayloadTooBig):
        return [*found, codes.TOO_BIG]
    if protocol.close_rcvd is not None:  # between fragments, which it does not like
        close = protocol.close_rcvd
        payload = b"" if close.code == CloseCode.NO_STATUS_RCVD else close.serialize()
        return [*found, Event(CLOSE, payload)]
    return [*found, codes.PROTOCOL_ERROR]


def events(found: Found) -> Found:
    return [each for each in found if isinstance(each, Event)]


def joined(frames: list[Frame]) -> Found:
    """Join frames to messages, which ``websockets`` does elsewhere."""
    found, opcode, payload = Found(), CONTINUATION, b""
    for frame in frames:
        if frame.opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE):
            found.append(Event(frame.opcode, bytes(frame.data)))
            if frame.opcode is Opcode.CLOSE:
                return found
            continue
        opcode = opcode or frame.opcode
        payload += frame.data
        if frame.fin:
            found.append(Event(int(opcode), payload))
            opcode, payload = CONTINUATION, b""
    return found


# Payloads of ASCII: where a text is not UTF-8, ``websockets`` says so later than we do, to those
# who read it.
def ascii_up_to(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=size).map(lambda some: bytes(byte & 0x7F for byte in some))


frames = st.builds(
    masked,
    st.sampled_from([CONTINUATION, CONTINUATION, TEXT, TEXT, BINARY, PING, PONG]),
    ascii_up_to(LIMIT + 20),
    st.booleans(),
    st.binary(min_size=4, max_size=4),
)
closes = st.builds(
    lambda code, reason: masked(CLOSE, code + reason), st.binary(max_size=2), ascii_up_to(3)
)
broken = st.builds(lambda first, frame: bytes([first]) + frame[1:], st.integers(0, 255), frames)
anything = st.builds(
    lambda parts, without: b"".join(parts)[: -without or None],
    st.lists(st.one_of(frames, frames, frames, closes, broken), max_size=12),
    st.integers(0, 8),
)


class OracleTests(TestCase):
    @given(anything, cuts())
    @example(masked(TEXT, b"a", False) + masked(PING) + masked(CONTINUATION, b"b"), [3, 9])
    def test_the_same_bytes_in_any_pieces_mean_the_same(
        self, data: bytes, places: list[int]
    ) -> None:
        whole, meant = decoded([data], LIMIT), oracle([data])
        self.assertEqual(decoded(list(cut(data, places)), LIMIT), whole)
        if whole[-1:] == [codes.PROTOCOL_ERROR]:
            # ``websockets`` waits for the whole frame, and looks at its length before.
            self.assertEqual(events(whole), events(meant))
            self.assertIn(meant[len(whole) - 1 :], ([], [codes.PROTOCOL_ERROR], [codes.TOO_BIG]))
        else:
            self.assertEqual(whole, meant)

    @given(st.text(max_size=100), st.binary(max_size=6), cuts(), cuts())
    def test_texts_are_utf_8_in_any_fragments_and_pieces(
        self, text: str, more: bytes, at: list[int], places: list[int]
    ) -> None:
        payload = text.encode() + more
        parts = list(cut(payload, at))
        last = len(parts) - 1
        data = b"".join(
            masked(CONTINUATION if number else TEXT, part, number == last)
            for number, part in enumerate(parts)
        )
        try:
            payload.decode()
            meant: Found = [Event(TEXT, payload)]
        except UnicodeDecodeError:
            meant = [codes.NOT_UTF_8]
        self.assertEqual(decoded(list(cut(data, places)), MAX_MESSAGE), meant)


class CountingBytes(bytearray):
    """Counts the bytes that are cut out of it."""

    cut = 0

    def __getitem__(self, key: object) -> object:  # type: ignore[override]
        found = super().__getitem__(key)  # type: ignore[call-overload]
        CountingBytes.cut += len(found) if isinstance(key, slice) else 1
        return found


class CostTests(TestCase):
    """Work grows with the bytes, and not with their square. Counted, not timed."""

    def cost(self, data: bytes, piece: int) -> int:
        decoder = Decoder(len(data))
        decoder._received = CountingBytes()
        CountingBytes.cut = 0
        for at in range(0, len(data), piece):
            decoder.add(data[at : at + piece])
            while decoder.next() is not None:
                pass
        self.assertTrue(decoder.idle)
        return CountingBytes.cut

    def test_a_long_message_is_looked_at_once(self) -> None:
        size = 200_000
        for piece in (100, 1_000, size + 14):
            self.assertLess(self.cost(masked(TEXT, b"a" * size), piece), size + 100)

    def test_many_small_frames_are_looked_at_once_each(self) -> None:
        number = 10_000
        parts = [masked(TEXT, b"a", False), *[masked(CONTINUATION, b"a", False)] * number]
        data = b"".join([*parts, masked(CONTINUATION)])
        for piece in (5, len(data)):
            self.assertLess(self.cost(data, piece), 4 * len(data))

    def test_a_control_frame_in_bytes_is_looked_at_a_few_times(self) -> None:
        self.assertLess(self.cost(masked(PING, b"a" * 125), 1), 500)


class KeyTests(TestCase):
    def test_the_key_of_the_rfc(self) -> None:
        self.assertEqual(masked(TEXT, b"Hello"), b"\x81\x85" + KEY + b"\x7f\x9f\x4d\x51\x58")
