"""Bytes that clients send before TLS on a port for XMPP over TCP: good ones, and wrong ones."""

from ecm.xmpp.errors import (
    BAD_FORMAT,
    BAD_PREFIX,
    IMPROPER_ADDRESSING,
    INVALID_NAMESPACE,
    NOT_WELL_FORMED,
    POLICY_VIOLATION,
    RESTRICTED_XML,
    UNSUPPORTED_ENCODING,
    UNSUPPORTED_VERSION,
)

DECLARATION = b"<?xml version='1.0'?>"
CONTENT = b" xmlns='jabber:client'"
STREAM = b" xmlns:stream='http://etherx.jabber.org/streams'"
TO = b" to='localhost'"
VERSION = b" version='1.0'"
TLS = b" xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
STARTTLS = b"<starttls%b/>" % TLS


def header(*attributes: bytes, name: bytes = b"stream:stream") -> bytes:
    return b"<%b%b>" % (name, b"".join(attributes))


HEADER = header(CONTENT, STREAM, TO, VERSION)

# Headers that are good, and what the attributes of the answer say of addresses.
HEADERS = {
    HEADER: b" from='localhost'",
    DECLARATION + HEADER: b" from='localhost'",
    DECLARATION + b"\r\n" + HEADER: b" from='localhost'",
    b" \n" + HEADER: b" from='localhost'",
    b'<?xml version="1.1" encoding="UTF-8" standalone="yes" ?>' + HEADER: b" from='localhost'",
    b"<?xml\tversion = '1.0' encoding = 'utf-8'?>" + HEADER: b" from='localhost'",
    header(CONTENT, STREAM, b' to="localhost"', VERSION, b"\n"): b" from='localhost'",
    header(VERSION, TO, STREAM, CONTENT): b" from='localhost'",
    header(CONTENT, STREAM, b" to = 'localhost'", b"\r\n\tversion='1.0'"): b" from='localhost'",
    header(CONTENT, STREAM, b" to='b\xc3\xbccher.example'", VERSION): (
        b" from='b\xc3\xbccher.example'"
    ),
    header(CONTENT, STREAM, b' to="a\'b&lt;"', VERSION): b" from='a&apos;b&lt;'",
    header(CONTENT, STREAM, b" to='a>b'", VERSION): b" from='a>b'",
    header(CONTENT, STREAM, TO, VERSION, b" from='me@localhost' xml:lang='de'"): (
        b" from='localhost' to='me@localhost'"
    ),
    header(CONTENT, STREAM, TO, b" version='1.1'", b" xmlns:a='b'"): b" from='localhost'",
    header(CONTENT, STREAM, TO, b" version='2.0'"): b" from='localhost'",
}

# Ways to ask for TLS.
REQUESTS = [
    STARTTLS,
    b'<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>',
    b"<starttls\n%b\t/>" % TLS,
    b"<starttls%b></starttls>" % TLS,
    b"<starttls%b> \n</starttls >" % TLS,
    b" \r\n\t" + STARTTLS,
]

# Beginnings that are wrong, and why.
BEGINNINGS = [
    (b"GET / HTTP/1.1\r\n\r\n", NOT_WELL_FORMED),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", NOT_WELL_FORMED),
    (b"\0", NOT_WELL_FORMED),
    (b"\xef\xbb\xbf" + HEADER, NOT_WELL_FORMED),
    (b"stream>", NOT_WELL_FORMED),
    (b"<>", NOT_WELL_FORMED),
    (b"< stream:stream>", NOT_WELL_FORMED),
    (b"<a b=c>", NOT_WELL_FORMED),
    (b"<a b>", NOT_WELL_FORMED),
    (b"<a b='c'd='e'>", NOT_WELL_FORMED),
    (b"<a b='<'>", NOT_WELL_FORMED),
    (b"<a b='&'>", NOT_WELL_FORMED),
    (b"<a b='&more;'>", NOT_WELL_FORMED),
    (b"<a b='\0'>", NOT_WELL_FORMED),
    (b"<a b='\xff'>", NOT_WELL_FORMED),
    (b"<a:b:c>", NOT_WELL_FORMED),
    (b"<1>", NOT_WELL_FORMED),
    (header(CONTENT, STREAM, TO, TO, VERSION), NOT_WELL_FORMED),
    (header(CONTENT, STREAM, b"\xc2\xa0to='localhost'", VERSION), NOT_WELL_FORMED),
    (b"</stream:stream/>", NOT_WELL_FORMED),
    (b"</stream:stream a='b'>", NOT_WELL_FORMED),
    (b"<?xml?>", NOT_WELL_FORMED),
    (b"<?xml version='2.0'?>", NOT_WELL_FORMED),
    (b"<?xml version='1.0' encoding=''?>", NOT_WELL_FORMED),
    (b"<?xml version='1.0'>", NOT_WELL_FORMED),
    (b"<?xml version='1.0' encoding='utf-16'?>" + HEADER, UNSUPPORTED_ENCODING),
    (b"<?xml version='1.0' encoding='ISO-8859-1'?>" + HEADER, UNSUPPORTED_ENCODING),
    (b"<?php ?>", RESTRICTED_XML),
    (b" " + DECLARATION + HEADER, RESTRICTED_XML),
    (DECLARATION + DECLARATION + HEADER, RESTRICTED_XML),
    (b"<!-- comment -->" + HEADER, RESTRICTED_XML),
    (b"<!DOCTYPE a [<!ENTITY b 'c'>]>", RESTRICTED_XML),
    (DECLARATION + b"x", NOT_WELL_FORMED),
    (b"</stream:stream>", BAD_FORMAT),
    (b"<message/>", BAD_FORMAT),
    (STARTTLS, BAD_FORMAT),
    (HEADER[:-1] + b"/>", BAD_FORMAT),
    (header(b" xmlns='http://etherx.jabber.org/streams'", TO, VERSION, name=b"stream"), BAD_PREFIX),
    (header(CONTENT, b" xmlns:s='a'", TO, VERSION, name=b"s:stream"), BAD_PREFIX),
    (header(STREAM, TO, VERSION), INVALID_NAMESPACE),
    (header(CONTENT, TO, VERSION), INVALID_NAMESPACE),
    (header(b" xmlns='jabber:server'", STREAM, TO, VERSION), INVALID_NAMESPACE),
    (header(CONTENT, b" xmlns:stream='streams'", TO, VERSION), INVALID_NAMESPACE),
    (header(CONTENT, STREAM, TO), UNSUPPORTED_VERSION),
    (header(CONTENT, STREAM, TO, b" version='0.9'"), UNSUPPORTED_VERSION),
    (header(CONTENT, STREAM, TO, b" version='1'"), UNSUPPORTED_VERSION),
    (header(CONTENT, STREAM, TO, b" version='one.two'"), UNSUPPORTED_VERSION),
    (header(CONTENT, STREAM, VERSION), IMPROPER_ADDRESSING),
    (header(CONTENT, STREAM, b" to=''", VERSION), IMPROPER_ADDRESSING),
]

# What is wrong behind a header, and why.
CONTINUATIONS = [
    (b"x", NOT_WELL_FORMED),
    (b"<starttls xmlns=>", NOT_WELL_FORMED),
    (b"<!-- -->" + STARTTLS, RESTRICTED_XML),
    (DECLARATION, RESTRICTED_XML),
    (b"<starttls/>", POLICY_VIOLATION),
    (b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", POLICY_VIOLATION),
    (b"<starttls%b a='b'/>" % TLS, POLICY_VIOLATION),
    (b"</starttls>", POLICY_VIOLATION),
    (b"<starttls%b><a/></starttls>" % TLS, POLICY_VIOLATION),
    (b"<starttls%b></a>" % TLS, POLICY_VIOLATION),
    (b"<starttls%b>x" % TLS, NOT_WELL_FORMED),
    (HEADER, POLICY_VIOLATION),
    (b"<iq xmlns='jabber:client' type='get' id='1'/>", POLICY_VIOLATION),
    (
        b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
        POLICY_VIOLATION,
    ),
]

# What must not stand behind a request for TLS.
INJECTED = [
    b"x",
    b"\x16\x03\x01",
    b"\n<iq/>",
    HEADER,
    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
]
