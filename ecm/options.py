"""The options of ``twistd ecm``."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.python import usage

from ecm import __version__, limits

LISTEN = ["tcp:5280"]
PATHS = ["/http-bind", "/bosh"]


class Options(usage.Options):
    """What the command line says. Every mistake on it is one line, and exit status 1."""

    synopsis = "[options]"
    longdesc = (
        "ECM ends the HTTP connections of BOSH clients and carries their requests over one link"
        " to mod_ecm in ejabberd. ENDPOINT is an endpoint string of Twisted: tcp:5280,"
        " tcp:5280:interface=127.0.0.1, ssl:5281:privateKey=key.pem:certKey=cert.pem,"
        " unix:/run/ecm.sock."
    )
    optParameters = [
        [
            "upstream",
            "u",
            "tcp:127.0.0.1:5290",
            "ENDPOINT of mod_ecm in ejabberd, to which the link goes.",
            str,
        ],
        ["www", "w", None, "DIR of files to serve on all other paths, which else are 404.", str],
        [
            "max-packet",
            None,
            limits.MAX_PACKET,
            "BYTES that a packet on the link may have at most; mod_ecm's max_packet is the same.",
            str,
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self["path"] = []

    def opt_listen(self, endpoint: str) -> None:
        """ENDPOINT on which clients are served; may be given several times. [default: tcp:5280]"""
        self["listen"].append(endpoint)

    def opt_path(self, path: str) -> None:
        """PATH that takes BOSH, with and without a slash at its end; may be given several times.
        [default: /http-bind and /bosh]"""
        self["path"].append(path)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"ecm {__version__}")
        raise SystemExit(0)

    opt_l = opt_listen
    opt_p = opt_path

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"twistd ecm: {error} (twistd ecm --help tells more)") from None

    def postOptions(self) -> None:
        self["listen"] = self["listen"] or LISTEN
        self["path"] = self["path"] or PATHS
        self["max-packet"] = _bytes("max-packet", self["max-packet"])
        self._check_endpoints()
        self._check_paths()
        if self["www"] is not None and not Path(self["www"]).is_dir():
            raise usage.UsageError(f"--www: there is no folder {self['www']}")

    def _check_endpoints(self) -> None:
        # Imported here, as twistd's own --reactor has been obeyed by now.
        from twisted.internet import reactor

        for endpoint in self["listen"]:
            _parse(f"--listen {endpoint}", serverFromString, reactor, endpoint)
        _parse(f"--upstream {self['upstream']}", clientFromString, reactor, self["upstream"])

    def _check_paths(self) -> None:
        for path in self["path"]:
            if not path.startswith("/") or not path.isascii() or set(path) & set("?# "):
                raise usage.UsageError(
                    f"--path {path}: a path begins with / and has no ? # or space"
                )


def _parse(what: str, parse: Any, *arguments: Any) -> None:
    """Twisted's parsers of endpoint strings raise whatever they stumble over."""
    try:
        parse(*arguments)
    except Exception as error:
        raise usage.UsageError(f"{what}: this is no endpoint ({error})") from None


def _bytes(name: str, text: str | int) -> int:
    least, greatest = limits.LEAST_MAX_PACKET, limits.GREATEST_MAX_PACKET
    if not re.fullmatch("[0-9]{1,10}", str(text)) or not least <= int(text) <= greatest:
        raise usage.UsageError(
            f"--{name} {text}: give a number of bytes from {least} to {greatest}"
        )
    return int(text)
