"""Requests that two servers may take apart differently: one hides a second request in the other.

Each is refused, the connection is closed, and nothing of it goes to the link. ``SMUGGLED`` stands
where the hidden request would be.
"""

from twisted.trial.unittest import TestCase

from testkit.in_memory import Joined
from testkit.splits import whole_and_bytewise

HEAD = b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 7\r\n\r\n<body/>"

# What is sent, and where it is described.
ATTACKS = {
    # Which length counts? RFC 9112, section 6.1; CL.TE and TE.CL of the literature.
    HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    # RFC 9112, section 6.3, rule 5: lengths that differ, in two lines or in one.
    HEAD + b"Content-Length: 0\r\nContent-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 0, 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # Section 6.2: 1*DIGIT, without sign, spaces, base or other digits.
    HEAD + b"Content-Length: +5\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 0x5\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 5 5\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length:\r\n\r\n" + SMUGGLED: 400,
    HEAD + "Content-Length: \u0665\r\n\r\n".encode() + SMUGGLED: 400,
    HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + SMUGGLED: 400,
    # Section 6.1: chunked comes once, and last; an unknown coding is not passed over (TE.TE).
    HEAD + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 501,
    HEAD + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED: 501,
    HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 501,
    HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED: 400,
    # Section 7.1: chunk sizes are hex digits, chunks end with CRLF.
    HEAD + CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n-1\r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n1 \r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n1\r\naXX0\r\n\r\n" + SMUGGLED: 400,  # CVE-2025-43859, in h11
    HEAD + CHUNKED + b"\r\n1\na\n0\n\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n1;a\nb\r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\nfffffffffffffffff\r\n" + SMUGGLED: 400,
    # Section 5.2: a folded line belongs to the header before it, or does not.
    HEAD + b"X: y\r\n Content-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length:\r\n 77\r\n\r\n" + SMUGGLED: 400,
    # Section 2.2: a line ends with CRLF, and not with a bare CR or LF.
    HEAD + b"X: y\nContent-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"X: y\rContent-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 5\n\nhello" + SMUGGLED: 400,
    b"POST /http-bind HTTP/1.1\nHost: a\r\n\r\n" + SMUGGLED: 400,
    # Section 5.1: no space between a name and its colon, and no name with anything odd.
    HEAD + b"Content-Length : 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length\t: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b" Content-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content_Length\0: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b": 77\r\n\r\n" + SMUGGLED: 400,
    # RFC 9110, section 5.5: NUL and control bytes in values.
    HEAD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"X: a\x01b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"X: a\x7fb\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # RFC 9112, section 3: the request line.
    b"POST /http-bind HTTP/1.1 HTTP/1.0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    b"POST /http-bind\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 505,
    b"POST /http\0bind HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # Section 3.2: two hosts.
    HEAD + b"Host: other.example\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # RFC 9110, section 9.3.6: what is behind CONNECT is for another server.
    b"CONNECT chat.example:80 HTTP/1.1\r\nHost: chat.example\r\n\r\n" + SMUGGLED: 501,
    # RFC 9112, section 6: a POST whose body nobody announces.
    HEAD + b"\r\n" + SMUGGLED: 411,
}


class SmugglingTests(TestCase):
    def test_each_is_refused_and_closed_and_nothing_goes_out(self) -> None:
        for attack, status in ATTACKS.items():
            for pieces in whole_and_bytewise(attack):
                ecm = Joined()
                client = ecm.client()
                written = b"".join(client.send(piece) for piece in pieces)
                self.assertEqual(written[:12], b"HTTP/1.1 %d" % status, attack)
                self.assertEqual(written.count(b"HTTP/1.1 "), 1, attack)
                self.assertIn(b"\r\nConnection: close\r\n", written)
                self.assertTrue(client.ended, attack)
                self.assertEqual(ecm.received(), [], attack)

    def test_a_body_behind_a_wish_to_upgrade_is_a_body(self) -> None:
        head = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
        length = b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
        chunk = CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
        for data in (head + length, head + chunk):
            for pieces in whole_and_bytewise(data):
                ecm = Joined()
                client = ecm.client()
                self.assertEqual(b"".join(map(client.send, pieces)), b"")
                self.assertEqual([body for _, body in ecm.received()], [SMUGGLED])

    def test_what_is_hidden_is_harmless_by_itself(self) -> None:
        ecm = Joined()
        ecm.client().send(SMUGGLED)
        self.assertEqual(len(ecm.received()), 1)
