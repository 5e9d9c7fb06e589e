"""Records, with OpenSSL as the client; and forged ones, each with the alert that it gets."""

import ssl
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.limits import MAX_EMPTY_RECORDS
from ecm.tls import records as module
from ecm.tls.alerts import Alert, TlsFault
from ecm.tls.direction import Direction
from ecm.tls.records import ALERT, DATA, HANDSHAKE, MAX_CONTENT, End, Received, Records
from ecm.tls.suites import SUITES
from testkit.lean_tls import Ends, ends
from testkit.splits import cut, cuts, whole_and_bytewise

SUITE = "TLS_AES_128_GCM_SHA256"
CHANGE_CIPHER_SPEC = 20
UPDATE = b"\x18\0\0\1\0"
REQUEST = b"\x18\0\0\1\1"
CLOSED = End(Alert.CLOSE_NOTIFY, True)

suites = st.sampled_from(sorted(SUITES))
sizes = st.one_of(
    st.integers(0, 300), st.integers(MAX_CONTENT - 2, MAX_CONTENT + 2), st.integers(0, 50_000)
)


def some(size: int) -> bytes:
    """So many bytes that do not repeat soon."""
    return bytes(at * 31 % 251 for at in range(size))


def received(records: Records, pieces: list[bytes]) -> tuple[bytes, list[Received]]:
    """Feed all pieces: all data, and what came with them that is more than data."""
    results = [records.receive(piece) for piece in pieces]
    more = [each for each in results if each.reply or each.end]
    return b"".join(each.data for each in results), more


class OpensslTests(TestCase):
    """OpenSSL at the other end."""

    @settings(max_examples=100, deadline=None)
    @given(suites, st.lists(sizes, max_size=4), cuts())
    def test_what_it_sends_arrives(self, suite: str, sent: list[int], places: list[int]) -> None:
        both = ends(suite)
        stream = b"".join(both.client.write(some(size)) for size in sent if size)
        pieces = list(cut(stream, places))
        self.assertEqual(received(both.records, pieces), (b"".join(map(some, sent)), []))

    @settings(max_examples=100, deadline=None)
    @given(suites, st.lists(sizes, max_size=4), cuts())
    def test_what_it_is_sent_arrives(self, suite: str, sent: list[int], places: list[int]) -> None:
        both = ends(suite)
        stream = b"".join(both.records.send(some(size)) for size in sent)
        taken = b""
        for piece in cut(stream, places):
            both.client.feed(piece)
            taken += both.client.read()
        self.assertEqual(taken, b"".join(map(some, sent)))

    def test_byte_by_byte(self) -> None:
        for suite in SUITES:
            both = ends(suite)
            stream = both.client.write(b"first") + both.client.write(b"second")
            pieces = whole_and_bytewise(stream)[1]
            self.assertEqual(received(both.records, pieces), (b"firstsecond", []))
            for byte in whole_and_bytewise(both.records.send(b"answer"))[1]:
                both.client.feed(byte)
            self.assertEqual(both.client.read(), b"answer")

    def test_it_updates_its_keys(self) -> None:
        """It does when it is asked."""
        for suite in SUITES:
            both = ends(suite)
            for turn in range(3):
                both.client.feed(both.forged_server.seal(HANDSHAKE, REQUEST))
                both.forged_server.update()
                self.assertEqual(both.client.read(), b"")
                sent = both.client.write(b"turn %d" % turn)
                self.assertGreater(len(sent), len(both.forged_client.seal(DATA, b"turn 1")))
                self.assertEqual(both.records.receive(sent), Received(b"turn %d" % turn))

    def test_it_is_sent_new_keys_before_the_old_are_worn_out(self) -> None:
        self.patch(module, "MAX_RECORDS", 5)
        for suite in SUITES:
            both = ends(suite)
            for turn in range(23):
                both.client.feed(both.records.send(b"turn %d" % turn))
                self.assertEqual(both.client.read(), b"turn %d" % turn)
            both.client.feed(both.records.send(some(20 * MAX_CONTENT)))
            self.assertEqual(both.client.read(), some(20 * MAX_CONTENT))
            self.assertLess(both.records._sending.number, 6)

    def test_they_are_worn_out_late_enough(self) -> None:
        self.assertLess(limits.MAX_RECORDS, 2**24)

    def test_it_closes(self) -> None:
        both = ends(SUITE)
        with self.assertRaises(ssl.SSLWantReadError):
            both.client.tls.unwrap()
        came = both.records.receive(both.client.sent())
        self.assertEqual(came, Received(end=CLOSED))
        both.client.feed(both.records.close())
        both.client.tls.unwrap()

    def test_it_is_told_of_the_end(self) -> None:
        both = ends(SUITE)
        both.client.feed(both.records.send(b"last") + both.records.close())
        self.assertEqual(both.client.read(), b"last")
        self.assertEqual(both.client.tls.read(), b"")
        self.assertEqual(both.records.receive(both.client.write(b"late")), Received(b"late"))


class ForgedTestCase(TestCase):
    """Records as a client could make them that has the secret."""

    def setUp(self) -> None:
        self.begin(SUITE)

    def begin(self, suite: str) -> None:
        self.both: Ends = ends(suite)
        self.records = self.both.records
        self.client: Direction = self.both.forged_client

    def data(self, content: bytes = b"data") -> bytes:
        return self.client.seal(DATA, content)

    def update(self, message: bytes = UPDATE) -> bytes:
        """A KeyUpdate, behind which there are new keys."""
        record = self.client.seal(HANDSHAKE, message)
        self.client.update()
        return record

    def padded(self, kind: int, content: bytes, padding: int) -> bytes:
        """The same as a record without type, in which there is more."""
        return self.client.seal(0, content + bytes((kind,)) + bytes(padding - 1))


class RecordTests(ForgedTestCase):
    def test_of_each_size(self) -> None:
        for suite in SUITES:
            self.begin(suite)
            for size in (*range(0, MAX_CONTENT, 97), *range(MAX_CONTENT - 20, MAX_CONTENT + 1)):
                content = some(size)
                self.assertEqual(self.records.receive(self.data(content)).data, content)
                if size:
                    sealed = self.both.forged_server.seal(DATA, content)
                    self.assertEqual(self.records.send(content), sealed)

    def test_of_each_padding(self) -> None:
        for size in (0, 1, 1000):
            for padding in (1, 2, 100, MAX_CONTENT - size):
                sent = self.padded(DATA, some(size), padding) + self.data()
                self.assertEqual(self.records.receive(sent), Received(some(size) + b"data"))

    def test_nothing_to_send_is_no_record(self) -> None:
        self.assertEqual(self.records.send(b""), b"")

    def test_keys_are_updated_between_records(self) -> None:
        for suite in SUITES:
            self.begin(suite)
            sent = self.data(b"1") + self.update() + self.data(b"2") + self.update() + self.data()
            self.assertEqual(self.records.receive(sent), Received(b"12data"))

    def test_byte_by_byte_with_new_keys(self) -> None:
        sent = self.data(b"1") + self.update() + self.data(b"2") + self.update() + self.data()
        _, pieces = whole_and_bytewise(sent)
        self.assertEqual(received(self.records, pieces), (b"12data", []))

    def test_a_message_may_come_in_parts(self) -> None:
        for places in ([1], [4], [1, 2, 3, 4]):
            parts = [part for part in cut(UPDATE, places) if part]
            sent = b"".join(self.client.seal(HANDSHAKE, part) for part in parts)
            self.client.update()
            self.assertEqual(self.records.receive(sent + self.data()), Received(b"data"))

    def test_new_keys_that_are_asked_for_come_once_in_front_of_the_next_data(self) -> None:
        for suite in SUITES:
            self.begin(suite)
            sent = b"".join(self.update(REQUEST) for _ in range(5))
            self.assertEqual(self.records.receive(sent), Received())
            first, second = self.records.send(b"first"), self.records.send(b"second")
            self.assertEqual(len(first) - len(second), len(self.client.seal(HANDSHAKE, UPDATE)) - 1)
            self.both.client.feed(first + second)
            self.assertEqual(self.both.client.read(), b"firstsecond")

    def test_user_canceled_is_no_end(self) -> None:
        canceled = self.client.seal(ALERT, b"\1\x5a")
        self.assertEqual(self.records.receive(canceled + self.data()), Received(b"data"))
        closed = self.client.seal(ALERT, b"\1\0")
        self.assertEqual(self.records.receive(closed), Received(end=CLOSED))

    def test_behind_close_notify_nothing_comes_and_all_is_sent(self) -> None:
        sent = self.data(b"last") + self.client.seal(ALERT, b"\1\0") + self.data(b"late") + b"junk"
        self.assertEqual(self.records.receive(sent), Received(b"last", end=CLOSED))
        self.assertEqual(self.records.receive(b"junk"), Received())
        self.both.client.feed(self.records.send(b"answer"))
        self.assertEqual(self.both.client.read(), b"answer")

    def test_behind_any_other_alert_nothing_is_sent(self) -> None:
        for level in (1, 2, 77):
            for alert in (10, 20, 40, 80, 255):
                self.begin(SUITE)
                sent = self.data(b"last") + self.client.seal(ALERT, bytes((level, alert)))
                expected = Received(b"last", end=End(alert, True))
                self.assertEqual(self.records.receive(sent + self.data()), expected)
                self.assertEqual(self.records.send(b"x") + self.records.close(), b"")

    def test_the_end_is_sent_once(self) -> None:
        self.assertNotEqual(self.records.close(), b"")
        self.assertEqual(self.records.close() + self.records.send(b"x"), b"")

    def test_a_few_records_without_data_are_taken(self) -> None:
        for _ in range(3):
            sent = b"".join(self.data(b"") for _ in range(MAX_EMPTY_RECORDS - 1))
            self.assertEqual(self.records.receive(sent + self.data()), Received(b"data"))


Make = Callable[[ForgedTestCase], bytes]


def plain(kind: int, content: bytes) -> Make:
    """A record that is not encrypted."""
    return lambda _: bytes((kind, 3, 3)) + len(content).to_bytes(2) + content


def sealed(kind: int, content: bytes) -> Make:
    return lambda of: of.client.seal(kind, content)


def handshake(*parts: bytes) -> Make:
    return lambda of: b"".join(of.client.seal(HANDSHAKE, part) for part in parts)


def interrupted(kind: int, content: bytes) -> Make:
    return lambda of: of.client.seal(HANDSHAKE, UPDATE[:2]) + of.client.seal(kind, content)


def many(kind: int, content: bytes) -> Make:
    return lambda of: b"".join(of.client.seal(kind, content) for _ in range(MAX_EMPTY_RECORDS))


def many_updates(of: ForgedTestCase) -> bytes:
    return b"".join(of.update(REQUEST) for _ in range(MAX_EMPTY_RECORDS))


def changed(at: int) -> Make:
    def make(of: ForgedTestCase) -> bytes:
        record = bytearray(of.data())
        record[at] ^= 1
        return bytes(record)

    return make


def left_out(of: ForgedTestCase) -> bytes:
    of.data()
    return of.data()


def repeated(of: ForgedTestCase) -> bytes:
    record = of.data(b"")
    return record + record


def of_another(of: ForgedTestCase) -> bytes:
    return ends(SUITE).forged_client.seal(DATA, b"data")


def old_keys(of: ForgedTestCase) -> bytes:
    """A record with the keys of before a KeyUpdate."""
    before = of.client._secrets
    update = of.update()
    old = Direction(SUITES[SUITE], b"", 1)
    old._secrets = before
    return update + old.seal(DATA, b"data")


UNEXPECTED = Alert.UNEXPECTED_MESSAGE
MAC = Alert.BAD_RECORD_MAC
OVERFLOW = Alert.RECORD_OVERFLOW
DECODE = Alert.DECODE_ERROR
ILLEGAL = Alert.ILLEGAL_PARAMETER

FAULTS: dict[str, tuple[Make, Alert]] = {
    "a change of ciphers": (plain(CHANGE_CIPHER_SPEC, b"\1"), UNEXPECTED),
    "a plain alert": (plain(ALERT, b"\2\x28"), UNEXPECTED),
    "a plain message": (plain(HANDSHAKE, UPDATE), UNEXPECTED),
    "a plain heartbeat": (plain(24, b"\1\0\0"), UNEXPECTED),
    "no TLS": (lambda _: b"GET / HTTP/1.1\r\n\r\n", UNEXPECTED),
    "plain data": (plain(DATA, b"0123456789abcdef!"), MAC),
    "too short for a tag": (plain(DATA, b"0123456789abcde"), MAC),
    "nothing": (plain(DATA, b""), MAC),
    "too long": (plain(DATA, bytes(2**14 + 257)), OVERFLOW),
    "too long, but for its head": (lambda _: b"\x17\x03\x03\xff\xff", OVERFLOW),
    "too much data": (sealed(DATA, bytes(2**14) + b"x"), OVERFLOW),
    "too much padding": (lambda of: of.padded(DATA, b"x", MAX_CONTENT), OVERFLOW),
    "nothing but padding": (sealed(0, bytes(9)), UNEXPECTED),
    "not even a type": (sealed(0, b""), UNEXPECTED),
    "a sealed change of ciphers": (sealed(CHANGE_CIPHER_SPEC, b"\1"), UNEXPECTED),
    "a sealed heartbeat": (sealed(24, b"\1\0\0"), UNEXPECTED),
    "an unknown type": (sealed(255, b"x"), UNEXPECTED),
    "an alert without content": (sealed(ALERT, b""), UNEXPECTED),
    "half an alert": (sealed(ALERT, b"\1"), DECODE),
    "two alerts": (sealed(ALERT, b"\1\0\1\0"), DECODE),
    "a message without content": (handshake(b""), UNEXPECTED),
    "a message that goes on without content": (handshake(UPDATE[:2], b""), UNEXPECTED),
    "a ClientHello": (handshake(b"\1\0\0\1\0"), UNEXPECTED),
    "a ticket": (handshake(b"\4\0\0\1\0"), UNEXPECTED),
    "a certificate": (handshake(b"\x0b"), UNEXPECTED),
    "a second Finished": (handshake(b"\x14\0\0\x20" + bytes(32)), UNEXPECTED),
    "a KeyUpdate that is longer": (handshake(b"\x18\0\0\2\0\0"), DECODE),
    "one that is very long": (handshake(b"\x18\xff"), DECODE),
    "one that is empty": (handshake(b"\x18\0\0\0"), DECODE),
    "one that says 2": (handshake(b"\x18\0\0\1\2"), ILLEGAL),
    "one that says 255": (handshake(b"\x18\0\0\1", b"\xff"), ILLEGAL),
    "two in a record": (handshake(UPDATE + UPDATE), UNEXPECTED),
    "one, and the begin of another": (handshake(UPDATE[:3], UPDATE[3:] + b"\x18"), UNEXPECTED),
    "data within a message": (interrupted(DATA, b"data"), UNEXPECTED),
    "an alert within a message": (interrupted(ALERT, b"\1\0"), UNEXPECTED),
    "no data again and again": (many(DATA, b""), UNEXPECTED),
    "user_canceled again and again": (many(ALERT, b"\1\x5a"), UNEXPECTED),
    "new keys again and again": (many_updates, UNEXPECTED),
    "a type that was changed": (changed(0), UNEXPECTED),
    "a version that was changed": (changed(1), MAC),
    "content that was changed": (changed(5), MAC),
    "a tag that was changed": (changed(-1), MAC),
    "a record after one that was left out": (left_out, MAC),
    "a record that was repeated": (repeated, MAC),
    "a record of another connection": (of_another, MAC),
    "old keys": (old_keys, MAC),
}


class FaultTests(ForgedTestCase):
    def test_each_fault_has_its_alert_and_is_the_last(self) -> None:
        for what, (make, alert) in FAULTS.items():
            for is_bytewise in (0, 1):
                self.begin(SUITE)
                pieces = whole_and_bytewise(self.data(b"before") + make(self))[is_bytewise]
                data, ends = received(self.records, pieces)
                self.assertEqual(data, b"before", what)
                self.assertEqual([each.end for each in ends], [End(alert, False)], what)
                self.told(alert, ends[0].reply, what)
                self.silent(what)

    def told(self, alert: Alert, reply: bytes, what: str) -> None:
        """OpenSSL reads the alert."""
        self.both.client.feed(reply)
        with self.assertRaises(ssl.SSLError) as raised:
            self.both.client.tls.read()
        self.assertIn(f"ALERT_{alert.name}", raised.exception.reason, what)

    def silent(self, what: str) -> None:
        """Nothing comes, and nothing is sent."""
        self.assertEqual(self.records.receive(self.data()), Received(), what)
        self.assertEqual(self.records.send(b"x") + self.records.close(), b"", what)

    @settings(max_examples=300, deadline=None)
    @given(suites, st.integers(0, 10_000), st.integers(0, 7), cuts())
    def test_whatever_bit_is_changed_nothing_comes_that_was_not_sent(
        self, suite: str, at: int, bit: int, places: list[int]
    ) -> None:
        both = ends(suite)
        stream = bytearray(b"".join(both.client.write(b"part %d " % part) for part in range(5)))
        stream[at % len(stream)] ^= 1 << bit
        data, more = received(both.records, list(cut(bytes(stream), places)))
        self.assertIn(data, [b"part 0 part 1 part 2 part 3 "[: 7 * part] for part in range(5)])
        alerts = {each.end.alert for each in more if each.end}
        self.assertLessEqual(alerts, {UNEXPECTED, MAC, OVERFLOW})

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200), cuts())
    def test_whatever_comes_without_the_secret_is_a_fault_or_incomplete(
        self, junk: bytes, places: list[int]
    ) -> None:
        data, more = received(ends(SUITE).records, list(cut(junk, places)))
        self.assertEqual(data, b"")
        self.assertLessEqual(len(more), 1)
        for each in more:
            assert each.end is not None
            self.assertFalse(each.end.by_client)


class SecretTests(ForgedTestCase):
    def test_no_secret_is_shown(self) -> None:
        held = self.client._secrets
        secrets = [held, held[:16], held[16:28], held[28:]]
        with self.assertRaises(TlsFault) as raised:
            self.client.open(b"\x17\x03\x03\0\x20" + bytes(32))
        fault = raised.exception
        shown = f"{self.records!r} {self.client!r} {self.both!r} {fault!r} {vars(fault)}"
        for secret in secrets:
            self.assertFalse(repr(secret)[2:-1] in shown or secret.hex() in shown)
