"""The walk of one request and its answer through ECM, file by file, as it really is.

``python -m testkit.walk`` starts an ECM on real sockets, with a client and ejabberd's end of a link
in a thread, and prints the entries into files: each file, and the functions called in it.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

import ecm
from ecm.changes import Changes
from ecm.config.build import build
from ecm.net.reactor import ReactorCore, global_reactor
from ecm.one_process import OneProcess

FOLDER = str(Path(ecm.__file__).parent) + "/"
HOST = "127.0.0.1"
BODY = b"<body rid='7' sid='abc' xmlns='http://jabber.org/protocol/httpbind'/>"
POST = b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\nContent-Length: %d\r\n\r\n%b"
HELLO = (
    b"hello version=1 role=ejabberd instance=ejabberd@chat max-packet=1048576"
    b" nonce=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff features="
)
HEADER = 32

# Not of the request: the tick of the clock, once a second, and what the reactor asks of each
# readable file descriptor.
TICKS = "net/clock.py"
ASKED = {"BatchedIO.fileno", "BatchedIO.logPrefix"}

# Seconds after which nothing of an exchange is under way any more.
QUIET = 0.1


@attrs.frozen
class Entry:
    """Control comes into a file from another one, and calls these functions there."""

    file: str
    functions: list[str]


class Tracer:
    """Notes the entries while it is on. Only the thread that installs it is traced."""

    def __init__(self) -> None:
        self.on = False
        self.entries: list[Entry] = []
        # The files of ECM on the stack, innermost last, and the entry of each.
        self._stack: list[Entry] = []

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "return") or not frame.f_code.co_filename.startswith(FOLDER):
            return
        if event == "return":
            if self._stack:
                self._stack.pop()
        elif self.on or self._stack:
            self._called(frame.f_code.co_filename.removeprefix(FOLDER), frame.f_code.co_qualname)

    def _called(self, file: str, function: str) -> None:
        if self._stack and self._stack[-1].file == file:
            entry = self._stack[-1]
        else:
            entry = Entry(file, [])
            self.entries.append(entry)
        if "<" not in function and function not in entry.functions:
            entry.functions.append(function)
        self._stack.append(entry)


def walk() -> list[Entry]:
    """Return the entries for one request and its answer, on a connection that has had others."""
    tracer = Tracer()
    reactor = global_reactor()
    with socket.create_server((HOST, 0)) as ejabberd:
        upstream = f"tcp:{HOST}:{ejabberd.getsockname()[1]}"
        settings = build({"listen": [f"tcp:0:interface={HOST}"], "upstream": [upstream]})
        service = OneProcess(settings, lambda: Changes((), ()), reactor)
        service.privilegedStartService()
        service.startService()
        port: Any = service.ports[0].result
        address = port.getHost().port, ejabberd
        threading.Thread(target=_peers, args=(*address, tracer, reactor), daemon=True).start()
        sys.setprofile(tracer.profile)
        reactor.run()
        sys.setprofile(None)
    return list(_of_the_request(tracer.entries))


def _of_the_request(entries: list[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if entry.file != TICKS and not ASKED.issuperset(entry.functions):
            yield entry


def _peers(port: int, ejabberd: socket.socket, tracer: Tracer, reactor: ReactorCore) -> None:
    link, _ = ejabberd.accept()
    _packet(link)
    _send(link, b"%020d" % 0, HELLO)
    with socket.create_connection((HOST, port)) as client:
        for _ in range(3):
            _exchange(client, link)
        time.sleep(QUIET)
        tracer.on = True
        _exchange(client, link)
        time.sleep(QUIET)
        tracer.on = False
    reactor.callFromThread(reactor.stop)


def _exchange(client: socket.socket, link: socket.socket) -> None:
    client.sendall(POST % (len(BODY), BODY))
    connection, _ = _packet(link)
    _send(link, connection, b"answer 200\n" + BODY)
    answer = b""
    while BODY not in answer:
        answer += client.recv(65536)


def _packet(link: socket.socket) -> tuple[bytes, bytes]:
    """Return the ID and the content of the next packet."""
    header = link.recv(HEADER, socket.MSG_WAITALL)
    return header[11:31], link.recv(int(header[:10]) - HEADER, socket.MSG_WAITALL)


def _send(link: socket.socket, connection: bytes, content: bytes) -> None:
    link.sendall(b"%010d|%b|%b" % (HEADER + len(content), connection, content))


if __name__ == "__main__":
    print(json.dumps([attrs.asdict(entry) for entry in walk()], indent=1))
