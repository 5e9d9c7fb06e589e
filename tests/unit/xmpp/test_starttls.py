"""The stream before TLS, in any pieces, and whatever comes instead."""

from xml.etree.ElementTree import fromstring

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_BEFORE_TLS
from ecm.xmpp.errors import CONNECTION_TIMEOUT, END, POLICY_VIOLATION, error
from ecm.xmpp.starttls import StartTls, Step
from testkit.samples.before_tls import (
    BEGINNINGS,
    CONTINUATIONS,
    HEADER,
    HEADERS,
    INJECTED,
    REQUESTS,
    STARTTLS,
)
from testkit.splits import cut, cuts, whole_and_bytewise

PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
FEATURES = (
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
    b"</stream:features>"
)


def answer(addresses: bytes = b"") -> bytes:
    """Return the header that ECM answers with."""
    return (
        b"<?xml version='1.0'?><stream:stream id='an-id'" + addresses + b" version='1.0'"
        b" xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    )


def told(pieces: list[bytes]) -> Step:
    """Return the sum of what becomes of the pieces."""
    stream = StartTls("an-id")
    steps = [stream.receive(piece) for piece in pieces]
    return Step(
        b"".join(each.reply for each in steps),
        any(each.begins for each in steps),
        any(each.ends for each in steps),
        "".join(each.fault for each in steps),
    )


class BeforeTlsTests(TestCase):
    def test_a_client_asks_for_tls_in_any_form_and_any_pieces(self) -> None:
        for header, addresses in HEADERS.items():
            for request in REQUESTS:
                for pieces in whole_and_bytewise(header + request):
                    self.assertEqual(
                        told(pieces), Step(answer(addresses) + FEATURES + PROCEED, True), pieces
                    )

    def test_white_space_behind_it_is_dropped(self) -> None:
        for request in REQUESTS:
            for white in (b"", b"\n", b" \t\r\n"):
                stream = StartTls("an-id")
                self.assertEqual(
                    stream.receive(HEADER + request + white),
                    Step(answer(b" from='localhost'") + FEATURES + PROCEED, True),
                )
                self.assertEqual(stream.held, 0)

    def test_nothing_from_before_tls_counts_behind_it(self) -> None:
        for request in REQUESTS:
            for injected in INJECTED:
                self.assertEqual(
                    told([HEADER + request + injected]),
                    Step(
                        answer(b" from='localhost'") + FEATURES + error(POLICY_VIOLATION),
                        ends=True,
                        fault=POLICY_VIOLATION,
                    ),
                    injected,
                )
                pieces = [HEADER + request, *whole_and_bytewise(injected)[1]]
                self.assertEqual(
                    told(pieces), Step(answer(b" from='localhost'") + FEATURES + PROCEED, True)
                )

    def test_what_is_no_header_gets_the_error_that_is_due(self) -> None:
        for beginning, condition in BEGINNINGS:
            for pieces in whole_and_bytewise(beginning):
                self.assertEqual(
                    told(pieces), Step(answer() + error(condition), False, True, condition), pieces
                )

    def test_what_does_not_ask_for_tls_gets_the_error_that_is_due(self) -> None:
        before = answer(b" from='localhost'") + FEATURES
        for wrong, condition in CONTINUATIONS:
            for pieces in whole_and_bytewise(HEADER + wrong):
                self.assertEqual(
                    told(pieces), Step(before + error(condition), False, True, condition), pieces
                )

    def test_a_stream_that_ends_is_ended(self) -> None:
        for pieces in whole_and_bytewise(HEADER + END):
            self.assertEqual(
                told(pieces), Step(answer(b" from='localhost'") + FEATURES + END, ends=True)
            )

    def test_it_is_bounded_however_it_comes(self) -> None:
        long = HEADER.replace(b"'localhost'", b"'%b'" % (b"a" * MAX_BEFORE_TLS))
        for data in (long, b"<" + b"a" * MAX_BEFORE_TLS, b" " * MAX_BEFORE_TLS + HEADER):
            for pieces in whole_and_bytewise(data):
                self.assertEqual(told(pieces).fault, POLICY_VIOLATION)
        held = StartTls("an-id")
        held.receive(b"<" + b"a" * (MAX_BEFORE_TLS - 1))
        self.assertEqual(held.held, MAX_BEFORE_TLS)
        just = b" " * (MAX_BEFORE_TLS - len(HEADER + STARTTLS)) + HEADER + STARTTLS
        for pieces in whole_and_bytewise(just):
            self.assertTrue(told(pieces).reply.endswith(PROCEED))

    def test_ecm_may_end_it_at_any_time(self) -> None:
        stream = StartTls("an-id")
        self.assertEqual(
            stream.fail(CONNECTION_TIMEOUT).reply, answer() + error(CONNECTION_TIMEOUT)
        )
        self.assertEqual(stream.receive(HEADER), Step())
        stream = StartTls("an-id")
        stream.receive(HEADER)
        self.assertEqual(stream.fail(CONNECTION_TIMEOUT).reply, error(CONNECTION_TIMEOUT))

    def test_what_it_says_is_xml(self) -> None:
        for beginning, condition in BEGINNINGS:
            stream = fromstring(told([beginning]).reply)
            self.assertEqual(stream[0][0].tag, "{urn:ietf:params:xml:ns:xmpp-streams}" + condition)
        for header in HEADERS:
            fromstring(told([header + END]).reply)

    @given(
        st.lists(
            st.sampled_from(
                [*HEADERS, *REQUESTS, END, b" ", b"<", b">", b"'", b"\xff", b"<a>"]
                + [each for each, _ in BEGINNINGS + CONTINUATIONS]
            ),
            max_size=5,
        ),
        cuts(),
    )
    def test_pieces_make_no_difference_up_to_the_request(
        self, parts: list[bytes], places: list[int]
    ) -> None:
        data = b"".join(parts)
        whole = told([data])
        pieces = told(list(cut(data, places)))
        if pieces.begins or whole.begins:
            self.assertIn(whole.fault, ("", POLICY_VIOLATION))
        else:
            self.assertEqual(pieces, whole)
