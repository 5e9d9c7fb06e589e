"""PROXY headers of both versions, and bytes that are none."""

import socket
import struct

from ecm import limits

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses)) + addresses


IPV4 = socket.inet_pton(socket.AF_INET, "192.0.2.7") + bytes(4) + struct.pack(">HH", 51234, 80)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(16) + struct.pack(">HH", 51234, 80)
MAPPED = bytes(10) + b"\xff\xff" + IPV4[:4] + IPV6[16:]


def tls(flags: int) -> bytes:
    """The extension that says whether the client has connected over TLS, and with which version."""
    version = b"TLSv1.3"
    inside = struct.pack(">BIBH", flags, 0, 0x21, len(version)) + version
    return struct.pack(">BH", 0x20, len(inside)) + inside


HEADERS = {
    b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 80\r\n": ("192.0.2.7", 51234, None),
    b"PROXY TCP6 2001:db8::7 2001:db8::1 51234 80\r\n": ("2001:db8::7", 51234, None),
    b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 51234 80\r\n": ("192.0.2.7", 51234, None),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": None,
    version2(0x21, 0x11, IPV4): ("192.0.2.7", 51234, None),
    version2(0x21, 0x21, IPV6): ("2001:db8::7", 51234, None),
    version2(0x21, 0x21, MAPPED): ("192.0.2.7", 51234, None),
    version2(0x21, 0x11, IPV4 + b"\x04\x00\x03abc"): ("192.0.2.7", 51234, None),  # an extension
    version2(0x21, 0x11, IPV4 + tls(1)): ("192.0.2.7", 51234, True),
    version2(0x21, 0x21, IPV6 + b"\x04\x00\x03abc" + tls(7)): ("2001:db8::7", 51234, True),
    version2(0x21, 0x11, IPV4 + tls(0)): ("192.0.2.7", 51234, False),
    version2(0x21, 0x11, IPV4 + tls(6)): ("192.0.2.7", 51234, False),
    version2(0x21, 0x11, IPV4 + b"\x20\x00\x00" + tls(1)): ("192.0.2.7", 51234, True),
    version2(0x21, 0x11, IPV4 + tls(1)[:-1]): ("192.0.2.7", 51234, None),
    version2(0x21, 0x11, IPV4 + b"\x20\x00"): ("192.0.2.7", 51234, None),
    version2(0x20, 0x11, IPV4 + tls(1)): None,
    version2(0x20, 0x00, b""): None,  # LOCAL
    version2(0x20, 0x11, IPV4): None,
    version2(0x21, 0x00, b""): None,  # UNSPEC
    version2(0x21, 0x31, bytes(216)): None,  # a UNIX socket
}

NO_HEADERS = [
    b"GET / HTTP/1.1\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.1 51234 80\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 80\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 51234 80\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 51234\r\n",
    b"PROXY  TCP4 192.0.2.7 192.0.2.1 51234 80\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 80\n" + b"x" * 100,
    b"PROXY UNKNOWN " + b"x" * 100,
    version2(0x11, 0x11, IPV4),
    version2(0x22, 0x11, IPV4),
    version2(0x21, 0x11, IPV4[:-1]),
    version2(0x21, 0x11, bytes(limits.MAX_PROXY_HEADER)),
]
