"""The options of ``twistd ecm``."""

import os
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.python import usage

from ecm import __version__
from ecm.config.numbers import NUMBERS
from ecm.frontend.settings import FrontendSettings
from ecm.http.client_address import FORWARDED, X_FORWARDED_FOR, TrustedProxies
from ecm.http.cors import Cors
from ecm.http.origin import origin
from ecm.http.request import RequestLimits
from ecm.limits import BACKLOG, MAX_WORKERS, MIN_SECRET, REQUEST_OVERHEAD
from ecm.link.settings import LinkMode, LinkSettings
from ecm.settings import EcmSettings

_OPEN = (
    "other users of this machine can get at the secret in {file}, its mode is {mode:04o}:"
    " chmod o= {file}"
)
_NO_SECRET = (
    "the link has no secret: whoever listens at {upstream} while ejabberd does not is given"
    " passwords; set --link-secret-file here and secret_file for mod_ecm"
)

LISTEN = ["tcp:5280"]
PATHS = ["/http-bind", "/bosh"]
UPSTREAM = "tcp:127.0.0.1:5290"


class Options(usage.Options):
    """What the command line says. Every mistake on it is one line, and exit status 1."""

    synopsis = "[options]"
    longdesc = (
        "ECM ends the HTTP connections of BOSH clients and carries their requests over one link"
        " to mod_ecm in ejabberd. ENDPOINT is an endpoint string of Twisted: tcp:5280,"
        " tcp:5280:interface=127.0.0.1, ssl:5281:privateKey=key.pem:certKey=cert.pem,"
        " unix:/run/ecm.sock, systemd:domain=INET:index=0. What is marked * may be given several"
        " times."
    )
    optParameters = [
        [
            "upstream",
            "u",
            UPSTREAM,
            "ENDPOINT of mod_ecm in ejabberd, to which the link goes.",
            str,
        ],
        [
            "protocol",
            None,
            LinkMode.TYPED.value,
            "typed or plain: what is spoken on the link. A plain one carries no addresses of"
            " clients, and whoever listens there is taken for ejabberd.",
            str,
        ],
        [
            "link-secret-file",
            None,
            None,
            "FILE with the secret that both ends of the link have to know; mod_ecm's secret_file.",
            str,
        ],
        ["www", "w", None, "DIR of files to serve on all other paths, which else are 404.", str],
        [
            "proxy-header",
            None,
            X_FORWARDED_FOR,
            f"{X_FORWARDED_FOR} or {FORWARDED}: where trusted proxies tell the client's address.",
            str,
        ],
        [
            "workers",
            None,
            "1",
            "NUMBER of processes that share the clients, or auto: one for each core.",
            str,
        ],
        *(
            [option.name, None, option.default, f"{option.unit.upper()} {option.help}.", str]
            for option in NUMBERS
        ),
    ]
    optFlags = [["cors-credentials", None, "Let pages of the --cors-origin send cookies along."]]

    def __init__(self) -> None:
        super().__init__()
        for name in ("listen", "proxy-protocol", "path", "trusted-proxy"):
            self[name] = []
        for name in ("cors-origin", "cors-header"):
            self[name] = []

    def opt_listen(self, endpoint: str) -> None:
        """* ENDPOINT on which clients are served. [default: tcp:5280]"""
        self["listen"].append(endpoint)

    def opt_proxy_protocol(self, endpoint: str) -> None:
        """* ENDPOINT like --listen, for a proxy that begins each connection with a PROXY header."""
        self["proxy-protocol"].append(endpoint)

    def opt_path(self, path: str) -> None:
        """* PATH that takes BOSH, with and without a slash at its end.
        [default: /http-bind and /bosh]"""
        self["path"].append(path)

    def opt_trusted_proxy(self, cidr: str) -> None:
        """* CIDR (192.0.2.0/24) of proxies whose word on the client's address counts."""
        self["trusted-proxy"].append(cidr)

    def opt_cors_origin(self, origin: str) -> None:
        """* ORIGIN (https://chat.example) whose pages may use BOSH, or * for any.
        [default: any]"""
        self["cors-origin"].append(origin)

    def opt_cors_header(self, header: str) -> None:
        """* HEADER that pages may set, beside Content-Type."""
        self["cors-header"].append(header)

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
        try:
            self._check()
        except ValueError as error:
            raise usage.UsageError(str(error)) from None

    def _check(self) -> None:
        if not self["listen"] and not self["proxy-protocol"]:
            self["listen"] = LISTEN
        self["path"] = self["path"] or PATHS
        for option in NUMBERS:
            self[option.name] = option.parse(self[option.name])
        if self["max-body"] > self["max-packet"] - REQUEST_OVERHEAD:
            raise ValueError("--max-body: no packet can take that, raise --max-packet")
        if 0 < self["max-buffered"] < max(self["max-packet"], self["max-content"]):
            raise ValueError(
                "--max-buffered: one answer of --max-content or --max-packet would be too much"
            )
        if self["dead-time"] <= self["ping-interval"]:
            raise ValueError("--dead-time: has to be longer than --ping-interval")
        self["workers"] = _workers(self["workers"])
        if 0 < self["max-connections"] < self["workers"]:
            raise ValueError("--max-connections: each of the --workers needs one at least")
        self._check_endpoints()
        for name in ("listen", "proxy-protocol"):
            self[name] = [_with_backlog(endpoint) for endpoint in self[name]]
        if self["www"] is not None and not Path(self["www"]).is_dir():
            raise ValueError(f"--www: there is no folder {self['www']}")
        self.link = self._link()
        self.warnings = secret_warnings(self["link-secret-file"], self["upstream"])
        self.clients = self._clients()

    def settings(self) -> EcmSettings:
        """Return what an ECM that is started with these options has to know."""
        return EcmSettings(
            listen=tuple(self["listen"]),
            proxy_protocol=tuple(self["proxy-protocol"]),
            upstream=self["upstream"],
            link=self.link,
            clients=self.clients,
            www=self["www"],
            queue_timeout=self["queue-timeout"],
            drain_timeout=self["drain-timeout"],
        )

    def _link(self) -> LinkSettings:
        return LinkSettings(
            mode=self._link_mode(),
            secret=_secret(self["link-secret-file"]),
            max_packet=self["max-packet"],
            max_content=self["max-content"],
            max_queue=self["max-queue"],
            ping_interval=self["ping-interval"],
            link_timeout=self["dead-time"],
        )

    def _link_mode(self) -> LinkMode:
        try:
            mode = LinkMode(self["protocol"])
        except ValueError:
            raise ValueError(f"--protocol {self['protocol']}: typed or plain") from None
        if mode is LinkMode.PLAIN and self["link-secret-file"] is not None:
            raise ValueError(
                "--link-secret-file: a plain link cannot prove it, leave out --protocol plain"
            )
        return mode

    def _check_endpoints(self) -> None:
        # Imported here, as twistd's own --reactor has been obeyed by now.
        from twisted.internet import reactor

        for name in ("listen", "proxy-protocol"):
            for endpoint in self[name]:
                _try(f"--{name} {endpoint}", serverFromString, reactor, endpoint)
        _try(f"--upstream {self['upstream']}", clientFromString, reactor, self["upstream"])
        for endpoint in self["proxy-protocol"]:
            if endpoint.startswith(("ssl:", "tls:")):
                raise ValueError(f"--proxy-protocol {endpoint}: the header comes before any TLS")

    def _clients(self) -> FrontendSettings:
        return FrontendSettings(
            paths=frozenset(_spellings(self["path"])),
            request=RequestLimits(
                max_header_size=self["max-head"],
                max_headers=self["max-headers"],
                max_body=self["max-body"],
            ),
            max_buffered=self["max-buffered"],
            max_connections=self["max-connections"],
            max_connections_per_address=self["max-connections-per-address"],
            header_timeout=self["head-timeout"],
            body_timeout=self["body-timeout"],
            send_timeout=self["take-timeout"],
            idle_timeout=self["idle-timeout"],
            cors=self._cors(),
            proxies=self._proxies(),
        )

    def _cors(self) -> Cors:
        credentials = bool(self["cors-credentials"])
        listed = [text for text in self["cors-origin"] if text != "*"]
        if credentials and (not listed or "*" in self["cors-origin"]):
            raise ValueError("--cors-credentials: say with --cors-origin for whom, and not *")
        origins = frozenset(_origin(text) for text in listed)
        return Cors(
            origins=frozenset() if "*" in self["cors-origin"] else origins,
            credentials=credentials,
            headers=tuple(_header_name(text, credentials) for text in self["cors-header"]),
        )

    def _proxies(self) -> TrustedProxies:
        if self["proxy-header"].lower() not in (FORWARDED, X_FORWARDED_FOR):
            raise ValueError(f"--proxy-header: {X_FORWARDED_FOR} or {FORWARDED}")
        trusted = tuple(_network(cidr) for cidr in self["trusted-proxy"])
        return TrustedProxies(trusted, self["proxy-header"].lower())


def _try(what: str, parse: Callable[..., Any], *arguments: Any) -> None:
    """Twisted's parsers of endpoint strings raise whatever they stumble over."""
    try:
        parse(*arguments)
    except Exception as error:
        raise ValueError(f"{what}: this is no endpoint ({error})") from None


def _workers(text: str) -> int:
    if text == "auto":
        return len(os.sched_getaffinity(0))
    number = int(text) if re.fullmatch("[0-9]{1,4}", text) else 0
    if not 0 < number <= MAX_WORKERS:
        raise ValueError(f"--workers {text}: auto, or a number from 1 to {MAX_WORKERS}")
    return number


def _secret(file: str | None) -> bytes | None:
    if file is None:
        return None
    try:
        secret = Path(file).read_bytes().rstrip()
    except OSError as error:
        raise ValueError(f"--link-secret-file {file}: {error.strerror}") from None
    if len(secret) < MIN_SECRET:
        raise ValueError(
            f"--link-secret-file {file}: a secret has {MIN_SECRET} bytes or more, this one"
            f" {len(secret)}; head -c 32 /dev/urandom | base64 makes one"
        )
    return secret


def secret_warnings(file: str | None, upstream: str) -> list[str]:
    """Return what is not safe about the secret of the link, or about its absence."""
    if file is not None:
        mode = Path(file).stat().st_mode & 0o777
        return [_OPEN.format(file=file, mode=mode)] if mode & 0o007 else []
    return [] if upstream.startswith(("unix:", "tls:")) else [_NO_SECRET.format(upstream=upstream)]


def _with_backlog(endpoint: str) -> str:
    if not endpoint.startswith(("tcp:", "ssl:", "unix:")) or ":backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={BACKLOG}"


def _spellings(paths: list[str]) -> list[bytes]:
    """Each path without and with a slash at its end: clients are given either."""
    for path in paths:
        if not path.startswith("/") or not path.isascii() or set(path) & set("?# "):
            raise ValueError(f"--path {path}: a path begins with / and has no ? # or space")
    bare = [path.rstrip("/").encode() for path in paths]
    return bare + [path + b"/" for path in bare]


def _origin(text: str) -> bytes:
    try:
        return origin(text)
    except ValueError as error:
        raise ValueError(f"--cors-origin {_shown(text)}: {error}") from None


def _header_name(text: str, credentials: bool) -> bytes:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text):
        raise ValueError(
            f"--cors-header {_shown(text)}: give the name of one header, such as X-Token"
        )
    if text == "*" and credentials:
        raise ValueError("--cors-header *: with --cors-credentials it stands for no header")
    return text.encode()


def _shown(text: str) -> str:
    """Return text as a part of one line."""
    return text if text.isprintable() else ascii(text)


def _network(cidr: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(cidr)
    except ValueError as error:
        raise ValueError(f"--trusted-proxy {cidr}: {error}") from None
