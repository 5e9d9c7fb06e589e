"""Addresses of clients are kept as ejabberd is told of them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ecm.link.message import request_line, request_line_of
from ecm.net.served import address_in, text_of

PORTS = st.integers(0, 65_535)


class TextTests(SynchronousTestCase):
    @given(st.ip_addresses(v=4), PORTS)
    def test_one_of_ipv4(self, host: object, port: int) -> None:
        self.comes_back((str(host), port))

    @given(st.ip_addresses(v=6), PORTS)
    def test_one_of_ipv6(self, host: object, port: int) -> None:
        self.comes_back((str(host), port, 0, 0))

    def comes_back(self, address: tuple[object, ...]) -> None:
        text = text_of(address)
        assert isinstance(text, bytes)
        host, port, *more = address_in(text)
        self.assertEqual(text_of((host, port, *more)), text)
        self.assertEqual(request_line_of(text, secure=True), request_line(host, port, secure=True))

    def test_as_a_socket_tells_it(self) -> None:
        for address, text in (
            (("127.0.0.1", 80), b"127.0.0.1:80"),
            (("::1", 80, 0, 0), b"[::1]:80"),
            (("2001:db8::ffff:1", 80, 0, 0), b"[2001:db8::ffff:1]:80"),
        ):
            self.assertEqual(text_of(address), text)
            self.assertEqual(address_in(text), address)

    def test_one_of_ipv4_on_a_port_for_both_families_is_one(self) -> None:
        text = text_of(("::ffff:192.0.2.7", 80, 0, 0))
        self.assertEqual(text, b"192.0.2.7:80")
        self.assertEqual(address_in(b"192.0.2.7:80"), ("192.0.2.7", 80))

    def test_what_has_more_stays_as_it_is(self) -> None:
        for address in (("fe80::1%eth0", 80, 0, 2), ("fe80::1%lo", 80, 0, 0), ("::1", 80, 7, 0)):
            self.assertIs(text_of(address), address)

    def test_the_name_of_a_unix_socket_stays_as_it_is(self) -> None:
        for name in ("", b"\0abstract", "\udcff", "127.0.0.1"):
            address = (name, None)
            self.assertIs(text_of(address), address)
