"""Names and passwords, from a pattern and a number. Pure."""

import re

_PLACE = re.compile(r"\{(0?)([0-9]?)\}")
# What needs no escape in XML, in a JID (RFC 7622) or in PLAIN (RFC 4616).
_NAME = re.compile(r"[a-z0-9._~!#$%()*+=?^`|-]+")


class Accounts:
    """``user{}:secret`` gives user0, user1 ... one password; ``u{06}:p{}`` gives u000001 and p1."""

    __slots__ = ("_name", "_password")

    def __init__(self, pattern: str) -> None:
        """Raises ValueError, which says what to give."""
        name, colon, password = pattern.partition(":")
        if not _NAME.fullmatch(_PLACE.sub("", name) or "0") or not _PLACE.search(name):
            raise ValueError(
                f"{pattern!r}: give NAME:PASSWORD with {{}} for the number in the name"
            )
        if not colon or not password or not password.isascii() or not password.isprintable():
            raise ValueError(f"{pattern!r}: give a password of ASCII characters behind the colon")
        self._name, self._password = _template(name), _template(password)

    def name(self, number: int) -> str:
        return _filled(self._name, number)

    def password(self, number: int) -> str:
        return _filled(self._password, number)


def _template(text: str) -> str:
    """As a format of str.__mod__, which takes one number as often as it stands there."""
    return _PLACE.sub(lambda place: f"%(n){place[1]}{place[2]}d", text.replace("%", "%%"))


def _filled(template: str, number: int) -> str:
    return template % {"n": number}
