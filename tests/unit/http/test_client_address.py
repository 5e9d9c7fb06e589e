"""The client's address, behind proxies."""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import TestCase
from zope.interface import alsoProvides

from ecm.frontend.settings import FrontendSettings
from ecm.http.client_address import FORWARDED, TrustedProxies
from ecm.http.client_address import X_FORWARDED_FOR as X_FORWARDED
from ecm.link.settings import LinkSettings
from testkit.in_memory import PATHS, Joined
from testkit.samples.forwarded import (
    FORWARDED_FOR,
    FORWARDED_PROTO,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
)

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


# Of these headers are made that a client may have made up.
PIECES = ["for=", "For=", '"', "\\", ";", ",", " ", "\t", "%", "[", "]", ":", "x", "\xb2", "\xff"]
PIECES += ["192.0.2.7", "10.0.0.2", "::1", "fe80::1%1", "[2001:4860::1]:443", '""', '"192.0.2.7"']


class ProxiesTests(TestCase):
    def test_x_forwarded_for(self) -> None:
        proxies = TrustedProxies(TRUSTED)
        for value, client in X_FORWARDED_FOR.items():
            headers = [(b"X-Forwarded-For", value.encode())]
            self.assertEqual(proxies.client("10.0.0.1", headers)[0], client, value)

    def test_forwarded(self) -> None:
        proxies = TrustedProxies(TRUSTED, FORWARDED)
        for value, client in FORWARDED_FOR.items():
            headers = [(b"forwarded", value.encode())]
            self.assertEqual(proxies.client("10.0.0.1", headers)[0], client, value)

    def test_several_headers_are_one_list(self) -> None:
        headers = [(b"X-Forwarded-For", b"192.0.2.7"), (b"x-forwarded-for", b"10.0.0.2")]
        self.assertEqual(TrustedProxies(TRUSTED).client("10.0.0.1", headers)[0], "192.0.2.7")

    def test_only_the_header_that_the_proxies_set_counts(self) -> None:
        headers = [(b"Forwarded", b"for=192.0.2.7")]
        self.assertEqual(TrustedProxies(TRUSTED).client("10.0.0.1", headers)[0], "10.0.0.1")

    def test_the_word_of_others_does_not_count(self) -> None:
        headers = [(b"X-Forwarded-For", b"192.0.2.7"), (b"X-Forwarded-Proto", b"https")]
        for peer in ("198.51.100.1", "2001:4860::1", ""):
            self.assertEqual(TrustedProxies(TRUSTED).client(peer, headers), (peer, None))
            self.assertEqual(TrustedProxies().client(peer, headers), (peer, None))

    def test_a_dual_stack_socket_s_ipv4_is_ipv4(self) -> None:
        headers = [(b"X-Forwarded-For", b"192.0.2.7")]
        found, _ = TrustedProxies(TRUSTED).client("::ffff:10.0.0.1", headers)
        self.assertEqual(found, "192.0.2.7")

    def test_the_proxy_nearest_to_the_client_says_whether_it_has_tls(self) -> None:
        for header, samples in ((FORWARDED, FORWARDED_PROTO), (X_FORWARDED, X_FORWARDED_PROTO)):
            proxies = TrustedProxies(TRUSTED, header)
            for lines, secure in samples.items():
                headers = [(name.encode(), value.encode()) for name, value in lines]
                self.assertIs(proxies.client("10.0.0.1", headers)[1], secure, lines)

    @given(st.sampled_from(["forwarded", "x-forwarded-for"]), st.binary(max_size=200))
    def test_any_header_gives_an_address(self, header: str, value: bytes) -> None:
        headers = [(header.encode(), value)]
        found, _ = TrustedProxies(TRUSTED, header).client("10.0.0.1", headers)
        self.assertRegex(found, r"\A[0-9a-f.:]+\Z")

    @given(
        st.sampled_from(["forwarded", "x-forwarded-for"]),
        st.lists(st.lists(st.sampled_from(PIECES), max_size=15), min_size=1, max_size=3),
    )
    def test_so_does_any_that_is_nearly_right(self, header: str, lines: list[list[str]]) -> None:
        headers = [(header.encode(), "".join(line).encode("latin-1")) for line in lines]
        found, _ = TrustedProxies(TRUSTED, header).client("10.0.0.1", headers)
        self.assertEqual(str(ip_address(found)), found)

    def test_what_comes_first_may_be_anything(self) -> None:
        """The proxy's own entry counts, whatever quotes the client has sent before it."""
        for client in ('"' * 7, '"\\', "\\" * 3, 'for="', ",;=", '"' + '\\"' * 8000):
            headers = [(b"Forwarded", f"{client}, for=192.0.2.7".encode())]
            found, _ = TrustedProxies(TRUSTED, FORWARDED).client("10.0.0.1", headers)
            self.assertEqual(found, "192.0.2.7", client)


class SourceTests(TestCase):
    def test_a_connection_tells_its_address_with_each_request(self) -> None:
        ecm = Joined(link=LinkSettings())
        client = ecm.client("192.0.2.9")
        told: list[bytes] = []
        self.patch(ecm.pool, "request", lambda _, line, body: told.append(line))
        client.post(b"")
        self.assertEqual(told, [b"request peer=192.0.2.9:51234 secure=0\n"])

    def test_whether_the_client_has_tls_is_what_is_known_of_the_way_nearest_to_it(self) -> None:
        """A trusted proxy says it; otherwise it is what is the case here."""
        networks = TrustedProxies((ip_network("192.0.2.1"),))
        https, http = [b"X-Forwarded-Proto: %b\r\n" % scheme for scheme in (b"https", b"http")]
        for proxies, tls, header, secure in (
            (TrustedProxies(), False, https, 0),
            (TrustedProxies(), True, b"", 1),
            (TrustedProxies(), True, http, 1),
            (networks, False, b"", 0),
            (networks, False, https, 1),
            (networks, True, http, 0),
            (networks, True, b"", 1),
        ):
            ecm = Joined(link=LinkSettings(), settings=FrontendSettings(PATHS, proxies=proxies))
            told: list[bytes] = []
            self.patch(ecm.pool, "request", lambda _, line, body, told=told: told.append(line))
            client = ecm.client()
            if tls:
                transport: Any = client.transport
                transport.transport = None  # nothing below it has a socket
                alsoProvides(transport, ISSLTransport)
            client.post(b"", more=header)
            line = b"request peer=192.0.2.1:51234 secure=%d\n" % secure
            self.assertEqual(told, [line], (proxies, tls, header))
