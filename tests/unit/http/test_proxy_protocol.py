"""The header of the PROXY protocol."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.http.proxy_protocol import ProxyHeader, ProxyHeaderError, parse
from testkit.samples.proxy_headers import HEADERS, NO_HEADERS, SIGNATURE


class ParseTests(TestCase):
    def test_headers(self) -> None:
        for data, source in HEADERS.items():
            for end in range(len(data)):
                self.assertIsNone(parse(data[:end]), data[:end])
            self.assertEqual(parse(data), ProxyHeader(len(data), source), data)
            self.assertEqual(parse(data + b"GET"), ProxyHeader(len(data), source), data)

    def test_what_is_no_header(self) -> None:
        for data in NO_HEADERS:
            self.assertRaises(ProxyHeaderError, parse, data)

    @given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE]))
    def test_any_bytes_are_a_header_or_none_or_the_one_error(
        self, data: bytes, start: bytes
    ) -> None:
        try:
            header = parse(start + data)
        except ProxyHeaderError:
            return
        if header is None:
            self.assertLess(len(start + data), limits.MAX_PROXY_HEADER)
        else:
            self.assertLessEqual(header.size, len(start + data))
