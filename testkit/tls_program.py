"""A TLS client that is a program: requests on its stdin, and the answers on its stdout."""

import os
from collections.abc import Sequence
from subprocess import PIPE, STDOUT, Popen
from typing import IO

_REQUEST = b"POST /bosh HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b"
_BODY = b"<body/>\n"
_LAST = b"x" * 100_000 + b"<last/>\n"
_CLOSE = b"Connection: close\r\n"


def talk(command: Sequence[str], renewals: Sequence[tuple[bytes, str]]) -> str:
    """Return what it says while it asks again and again, each time with new keys.

    The bodies end with a line feed, as some programs read lines, and the last one is long. The
    renewals are what to type for new keys, and what the program says of them, if it does so at
    once.
    """
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, bufsize=0) as client:
        assert client.stdin and client.stdout
        said = ""
        for typed, renewed in renewals:
            client.stdin.write(_request(b"", _BODY))
            said += _read(client.stdout, "<body/>")
            client.stdin.write(typed)
            said += _read(client.stdout, renewed) if renewed else ""
        client.stdin.write(_request(_CLOSE, _LAST))
        said += _read(client.stdout, "<last/>")
        client.stdin.close()
        return said


def _request(header: bytes, body: bytes) -> bytes:
    return _REQUEST % (header, len(body), body)


def _read(output: IO[bytes], last: str) -> str:
    """Return what the program says, until it says that, or ends."""
    said = b""
    while last.encode() not in said:
        some = os.read(output.fileno(), 4096)
        if not some:
            break
        said += some
    return said.decode()
