"""The address of an admin endpoint, as its option has it or shorter. Pure."""

import re
from typing import Final

import attrs

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
    kind, *words = (re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\):", text))
    names = dict(word.partition("=")[::2] for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    if kind == "unix" and len(plain) == 1 and plain[0]:
        if len(plain[0].encode(errors="surrogateescape")) > MAX_SOCKET_PATH:
            raise ValueError(f"the path of a socket has at most {MAX_SOCKET_PATH} bytes")
        return Address(path=plain[0])
    if kind in ("tcp", "tcp6") and 1 <= len(plain) <= 2:
        host = plain[0] if len(plain) == 2 else names.get("interface", "")
        port = int(plain[-1]) if re.fullmatch("[0-9]{1,5}", plain[-1]) else 0
        if 0 < port < 65_536:
            return Address(host={"": "localhost", "::": "localhost"}.get(host, host), port=port)
    raise ValueError(f"{text!r} is no admin endpoint: {_USAGE}")
