"""The stanzas of a benchmark's users, and who they are."""

from ecm.tools.bosh import stanzas

HOST = "localhost"
PASSWORD = "secret"  # of everyone, as erlang/ejabberd_auth_everyone.erl has it
RESOURCE = "bench"

BIND = stanzas.bind(RESOURCE)


def name(number: int) -> str:
    return f"user{number}"


def auth(number: int) -> bytes:
    """Return the one step of SASL PLAIN."""
    return stanzas.plain(name(number), PASSWORD)


def message(to: int, text: bytes) -> bytes:
    return stanzas.message(f"{name(to)}@{HOST}/{RESOURCE}".encode(), text)
