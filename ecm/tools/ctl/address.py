"""The address of an admin endpoint, as its option has it or shorter. Pure."""

from typing import Final

import attrs

from ecm.description import described, is_port
from ecm.limits import MAX_SOCKET_PATH

DEFAULT: Final = "unix:/run/ecm/admin.sock"

_USAGE: Final = "give unix:/run/ecm/admin.sock, tcp:9461 or tcp:HOST:9461"


@attrs.frozen
class Address:
    """A UNIX socket by its path, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = self.host.replace(":", r"\:")
        return f"tcp:{host}:{self.port}"


def read(text: str) -> Address:
    """Return the address that a text names.

    It may be what --admin of ECM has: ``unix:PATH:mode=660``, ``tcp:PORT:interface=ADDRESS``.
    Raises ValueError.
    """
    given = described(text)
    if given.kind == "unix" and len(given.words) == 1 and given.words[0]:
        if len(given.words[0].encode(errors="surrogateescape")) > MAX_SOCKET_PATH:
            raise ValueError(f"the path of a socket has at most {MAX_SOCKET_PATH} bytes")
        return Address(path=given.words[0])
    if given.kind in ("tcp", "tcp6") and 1 <= len(given.words) <= 2:
        *hosts, port = given.words
        host = hosts[0] if hosts else given.named.get("interface", "")
        if is_port(port) and int(port) > 0:
            host = {"": "localhost", "::": "localhost"}.get(host, host)
            return Address(host=host, port=int(port))
    raise ValueError(f"{text!r} is no admin endpoint: {_USAGE}")
