"""A user as an operator names one: by a JID, the address of a client, or a SID. Pure."""

from ipaddress import ip_address
from typing import Final

# Characters of the longest JID (RFC 7622, section 3.1: each of its parts has up to 1,023 bytes).
MAX_WHO: Final = 3071

JID: Final = "jid"
ADDRESS: Final = "address"
SID: Final = "sid"

NAMES: Final = {JID: "JID", ADDRESS: "address", SID: "SID"}


def kind_of(who: str) -> str:
    """Return what a text names a user by. Raises ValueError if it names none."""
    if not who or len(who) > MAX_WHO or not who.isprintable():
        raise ValueError("give a JID (alice@chat.example), an address (192.0.2.7), or a SID")
    try:
        ip_address(who.strip("[]"))
    except ValueError:
        return JID if "@" in who else SID
    return ADDRESS
