"""Addresses of clients are kept as numbers."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ecm.net.served import packed, unpacked

PORTS = st.integers(0, 65_535)


class PackedTests(SynchronousTestCase):
    @given(st.ip_addresses(v=4), PORTS)
    def test_one_of_ipv4(self, host: object, port: int) -> None:
        self.comes_back((str(host), port))

    @given(st.ip_addresses(v=6), PORTS)
    def test_one_of_ipv6(self, host: object, port: int) -> None:
        self.comes_back((str(host), port, 0, 0))

    def comes_back(self, address: tuple[object, ...]) -> None:
        number = packed(address)
        assert isinstance(number, int)
        host, *others = unpacked(number)
        self.assertEqual(packed((host, *others)), number)
        self.assertEqual(others, list(address[1:]))

    def test_as_a_socket_tells_it(self) -> None:
        for address in (("127.0.0.1", 80), ("::1", 80, 0, 0), ("::ffff:127.0.0.1", 1, 0, 0)):
            number = packed(address)
            assert isinstance(number, int)
            self.assertEqual(unpacked(number), address)

    def test_the_same_digits_are_two_addresses(self) -> None:
        self.assertNotEqual(packed(("0.0.0.1", 80)), packed(("::1", 80, 0, 0)))

    def test_what_has_more_stays_as_it_is(self) -> None:
        for address in (("fe80::1%eth0", 80, 0, 2), ("fe80::1%lo", 80, 0, 0), ("::1", 80, 7, 0)):
            self.assertIs(packed(address), address)

    def test_the_name_of_a_unix_socket_stays_as_it_is(self) -> None:
        for name in ("", b"\0abstract", "\udcff", "127.0.0.1"):
            address = (name, None)
            self.assertIs(packed(address), address)
