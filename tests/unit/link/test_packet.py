"""The packet codec, against the vectors that the Erlang codec reads, too."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_PACKET
from ecm.link.packet import HEADER_SIZE, MAX_ID, PacketDecoder, PacketError, encode
from testkit.packet_vectors import VECTORS
from testkit.splits import cut, cuts, feed_all, whole_and_bytewise

NAMES = {vector["error"] for vector in VECTORS["errors"]}

packets = st.tuples(st.integers(0, MAX_ID), st.binary(max_size=300))


class VectorTests(TestCase):
    def test_packets_are_written_as_agreed(self) -> None:
        for vector in VECTORS["packets"]:
            packet = encode(int(vector["id"]), bytes.fromhex(vector["content"]))
            self.assertEqual(packet.hex(), vector["packet"], vector["name"])

    def test_packets_are_read_as_agreed(self) -> None:
        for vector in VECTORS["packets"]:
            meaning = [(int(vector["id"]), bytes.fromhex(vector["content"]))]
            for pieces in whole_and_bytewise(bytes.fromhex(vector["packet"])):
                decoder = PacketDecoder(VECTORS["max_packet"])
                self.assertEqual(feed_all(decoder.feed, pieces[:-1]), [], vector["name"])
                self.assertEqual(feed_all(decoder.feed, pieces[-1:]), meaning, vector["name"])
                self.assertEqual(decoder.buffered, 0, vector["name"])

    def test_bytes_behind_a_packet_wait(self) -> None:
        for vector in VECTORS["packets"]:
            decoder = PacketDecoder()
            found = feed_all(decoder.feed, [bytes.fromhex(vector["packet"]) + b"0000"])
            self.assertEqual(found, [(int(vector["id"]), bytes.fromhex(vector["content"]))])
            self.assertEqual(decoder.buffered, 4)

    def test_a_packet_that_is_held_is_told_from_those_before(self) -> None:
        decoder, data = PacketDecoder(), encode(7, b"some content")
        for number in (1, 2, 3):
            for byte in data[decoder.buffered : -1]:
                feed_all(decoder.feed, [bytes([byte])])
                self.assertEqual(decoder.begun, number)
            # The next one begins in the read that completes it, or in the one after that.
            feed_all(decoder.feed, [data[-1:] + data[: number % 2]])
        self.assertEqual(decoder.begun, 4)

    def test_all_packets_of_one_read_come_in_order(self) -> None:
        data = b"".join(bytes.fromhex(vector["packet"]) for vector in VECTORS["packets"])
        ids = [int(vector["id"]) for vector in VECTORS["packets"]]
        self.assertEqual([packet[0] for packet in PacketDecoder().feed(data)], ids)

    def test_errors_are_named_as_agreed(self) -> None:
        for vector in VECTORS["errors"]:
            data = bytes.fromhex(vector["bytes"])
            for pieces in whole_and_bytewise(data):
                decoder = PacketDecoder(VECTORS["max_packet"])
                error = self.assertRaises(PacketError, feed_all, decoder.feed, pieces)
                self.assertEqual(error.name, vector["error"], vector["name"])
                self.assertEqual(error.received, data[: len(error.received)], vector["name"])
                self.assertLessEqual(HEADER_SIZE, len(error.received))
                self.assertLessEqual(len(error.received), 64)

    def test_packets_before_an_error_are_delivered(self) -> None:
        for vector in VECTORS["errors"]:
            found = []
            with self.assertRaises(PacketError):
                for packet in PacketDecoder().feed(
                    encode(1, b"a") + encode(2, b"b") + bytes.fromhex(vector["bytes"])
                ):
                    found.append(packet)
            self.assertEqual(found, [(1, b"a"), (2, b"b")], vector["name"])


class PropertyTests(TestCase):
    @given(st.lists(packets, max_size=20), cuts())
    def test_any_packets_in_any_pieces_come_out_the_same(
        self, sent: list[tuple[int, bytes]], places: list[int]
    ) -> None:
        data = b"".join(encode(*packet) for packet in sent)
        self.assertEqual(feed_all(PacketDecoder().feed, cut(data, places)), sent)

    @given(st.binary(max_size=400), cuts())
    def test_any_bytes_give_packets_or_the_one_error(self, data: bytes, places: list[int]) -> None:
        self._packets_or_error(data, places)

    @given(st.lists(st.sampled_from(b"0019|-+_ x").map(lambda byte: bytes([byte]))), cuts())
    def test_what_looks_like_packets_too(self, parts: list[bytes], places: list[int]) -> None:
        self._packets_or_error(b"".join(parts), places)

    def _packets_or_error(self, data: bytes, places: list[int]) -> None:
        decoder = PacketDecoder(max_packet=100)
        try:
            for piece in cut(data, places):
                for connection_id, content in decoder.feed(piece):
                    self.assertIn(encode(connection_id, content), data)
                self.assertLess(decoder.buffered, 100)
        except PacketError as error:
            self.assertIn(error.name, NAMES)


class CountingDecoder(PacketDecoder):
    """Counts how often a header is looked at."""

    looks = 0

    def _header(self, data: bytes, start: int) -> tuple[int, int]:
        self.looks += 1
        return super()._header(data, start)


class CostTests(TestCase):
    """Work grows with the bytes, and not with their square. Counted, not timed."""

    def test_a_large_packet_in_small_pieces_is_looked_at_twice(self) -> None:
        decoder = CountingDecoder()
        content = b"x" * (MAX_PACKET - HEADER_SIZE)
        data = encode(1, content)
        pieces = [data[at : at + 1400] for at in range(0, len(data), 1400)]
        self.assertEqual(feed_all(decoder.feed, pieces), [(1, content)])
        self.assertEqual(decoder.looks, 2)

    def test_100_mb_of_small_packets_are_looked_at_once_each(self) -> None:
        decoder = CountingDecoder()
        read = encode(7, b"<body/>" * 10) * 600  # about what one read from a socket gives
        reads = 100_000_000 // len(read)
        found = sum(1 for _ in range(reads) for _ in decoder.feed(read))
        self.assertEqual((found, decoder.looks), (reads * 600, reads * 600))

    def test_the_longest_packet_passes_and_a_longer_one_does_not(self) -> None:
        fits = encode(1, b"x" * (100 - HEADER_SIZE))
        self.assertEqual(len(feed_all(PacketDecoder(100).feed, [fits])), 1)
        error = self.assertRaises(PacketError, feed_all, PacketDecoder(99).feed, [fits])
        self.assertEqual(error.name, "length-too-large")
