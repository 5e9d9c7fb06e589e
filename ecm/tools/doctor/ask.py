"""Asks nodes of ejabberd what their mod_ecm takes: it says so in its hello, as each link begins.

That comes before ECM must prove the secret, so none is needed. ejabberd logs that a link is down.
"""

import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from ecm.limits import MAX_LINE
from ecm.link import message
from ecm.link.handshake import Handshake
from ecm.link.packet import HEADER_SIZE, LINK_ID, PacketDecoder, encode
from ecm.link.settings import LinkSettings
from ecm.tools.doctor.node import Node

TIMEOUT: Final = 5.0  # seconds for one node: ECM waits as long

_TCP: Final = re.compile(r"(tcp|dns:tcp):(\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})", re.ASCII)
_UNIX: Final = "unix:"


def endpoint(text: str) -> str:
    """Return an --upstream that can be asked. Raises ValueError, with what can."""
    found = _TCP.fullmatch(text)
    if not text.removeprefix(_UNIX) or not (text.startswith(_UNIX) or found):
        raise ValueError(f"{text!r} cannot be asked: give tcp:HOST:PORT, dns:tcp:… or unix:PATH")
    if found and not 0 < int(found[3]) < 65_536:
        raise ValueError(f"{text!r} has no port")
    return text


def ask(text: str) -> Iterator[Node]:
    """Yield the node at an endpoint, or all nodes at the addresses of a host (``dns:``)."""
    found = _TCP.fullmatch(text)
    if found is None:
        yield _asked(text, socket.AF_UNIX, text.removeprefix(_UNIX))
        return
    name, port = found[2].strip("[]"), int(found[3])
    try:
        resolved = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Node(text, fault=f"its address is not known ({error.strerror})")
        return
    for family, _, _, _, place in resolved if found[1] == "dns:tcp" else resolved[:1]:
        yield _asked(f"tcp:{place[0]}:{port}" if found[1] == "dns:tcp" else text, family, place)


def _asked(address: str, family: int, place: Any) -> Node:
    try:
        with closing(socket.socket(family)) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(place)
            ours = Handshake(LinkSettings(), "ecm-doctor", secrets.token_hex(16)).hello()
            connection.sendall(encode(LINK_ID, ours))
            hello = message.decode(_first_content(connection))
    except TimeoutError:
        return Node(address, fault=f"it has not said hello within {TIMEOUT:.0f} seconds")
    except OSError as error:
        return Node(address, fault=f"it cannot be reached ({error.strerror})")
    except ValueError:
        return Node(address, fault="it is no mod_ecm, or one with `protocol: plain`")
    if hello.type != "hello":
        return Node(address, fault=f"it refuses links ({' '.join(hello.args)})")
    features = hello.fields.get("features", "").split(",")
    return Node(address, hello.fields["instance"], tuple(features))


def _first_content(connection: socket.socket) -> bytes:
    """Return what the first packet carries. Raises OSError, and ValueError if there is none."""
    decoder, end = PacketDecoder(HEADER_SIZE + MAX_LINE), time.monotonic() + TIMEOUT
    while data := connection.recv(4096):
        for _, content in decoder.feed(data):
            return content
        connection.settimeout(max(0.001, end - time.monotonic()))
    raise ValueError
