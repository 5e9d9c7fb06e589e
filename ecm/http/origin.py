"""The origin of a page, as a browser sends it (RFC 6454, section 6.2; URL standard). Pure.

ECM compares it byte by byte, so that another spelling never matches.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

EXAMPLE: Final = "https://chat.example"

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

# What somebody may have meant: perhaps with a user, a path, or no scheme.
_MEANT: Final = re.compile(
    r"\s*(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:[^/?#@]*@)?"
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,9}))?(?:[/?#].*)?"
)
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")


def origin(text: str) -> bytes:
    """Return the origin. Raises ValueError with what to write where no browser sends it."""
    if text == "null":
        raise ValueError("this is sent by any page in a sandbox, give origins")
    if not text.isascii():
        raise ValueError("give the domain as browsers send it, in punycode (https://xn--…)")
    if "*" in text:
        raise ValueError(f"* is not part of an origin, give each ({EXAMPLE}), or * for any")
    sent = _sent(text)
    if sent != text:
        raise ValueError(f"no browser sends this, give {sent or f'one like {EXAMPLE}'}")
    return text.encode()


def _sent(text: str) -> str | None:
    """Return what a browser sends for the origin that is meant; None where that is not clear."""
    meant = _MEANT.fullmatch(text.rstrip())
    if meant is None or (not meant[1] and "." not in meant[2]):
        return None
    scheme = (meant[1] or "https").lower()
    host = _host(meant[2].lower()) if scheme in _DEFAULT_PORTS else meant[2]
    port = str(int(meant[3])) if meant[3] else ""
    if host is None or (port and not 0 < int(port) < 65536):
        return None
    return f"{scheme}://{host}" + (
        f":{port}" if port not in ("", _DEFAULT_PORTS.get(scheme)) else ""
    )


def _host(host: str) -> str | None:
    """Return a host as the URL standard writes it, if it is one."""
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1])}]"
        if _NUMBER.fullmatch(host):
            return str(IPv4Address(host))
    except AddressValueError:
        return None
    return host if _DOMAIN.fullmatch(host) and len(host) < 255 else None
