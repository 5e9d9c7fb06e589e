"""The server that is tried, and the accounts there."""

import json
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from conformance.errors import SuiteError


@dataclass(frozen=True)
class Account:
    name: str
    password: str

    @property
    def plain(self) -> str:
        """Return the message of a login with SASL PLAIN (RFC 4616), in base64."""
        return b64encode(f"\0{self.name}\0{self.password}".encode()).decode()


@dataclass(frozen=True)
class Target:
    """The server to try: the URL of BOSH, the domain, and the users who play alice and bob."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    path: str
    domain: str
    accounts: dict[str, Account]


ROLES = ("alice", "bob")

_PATIENCE = 10.0  # seconds for a first connection


def target(url: str, domain: str, users: str) -> Target:
    """From what is given on the command line. Raises SuiteError."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise SuiteError(f"{url}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SuiteError(f"{url}: a URL must be like http://host:7080/http-bind")
    encrypted = parts.scheme == "https"
    return Target(
        host=parts.hostname,
        port=port or (443 if encrypted else 80),
        tls=ssl.create_default_context() if encrypted else None,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        domain=domain or parts.hostname,
        accounts=_accounts(users),
    )


def listed(file: Path) -> dict[str, Target]:
    """The servers of a list in JSON, by their titles. Raises SuiteError."""
    try:
        servers = json.loads(file.read_text())
        return {
            each["title"]: target(each["url"], each["domain"], each["users"]) for each in servers
        }
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise SuiteError(f"{file}: this is not a list of servers: {error!r}") from error


def check_reachable(tried: Target) -> None:
    """Raises SuiteError where nobody listens: all scripts would say so, one after the other."""
    try:
        socket.create_connection((tried.host, tried.port), _PATIENCE).close()
    except OSError as error:
        raise SuiteError(f"cannot connect to {tried.host}:{tried.port}: {error}") from error


def _accounts(users: str) -> dict[str, Account]:
    """The first plays alice, the second bob."""
    written = [user.partition(":") for user in users.split(",")]
    if len(written) != len(ROLES) or not all(name and password for name, _, password in written):
        raise SuiteError(f"{users}: two users are needed, as in alice:secret,bob:secret")
    accounts = (Account(name, password) for name, _, password in written)
    return dict(zip(ROLES, accounts, strict=True))
