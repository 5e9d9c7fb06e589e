"""Vectors for both ends of a typed link: ``vectors/typed.json``, whose ``about`` explains it."""

import json
from typing import Any

from ecm.link.packet import encode
from testkit import paths

VECTORS: dict[str, Any] = json.loads((paths.VECTORS / "typed.json").read_text())


def content(vector: dict[str, Any]) -> bytes:
    """The bytes of a content: one for each character."""
    return bytes(vector["content"], "latin-1")


def named(name: str) -> dict[str, Any]:
    """Return the content with this name."""
    found: dict[str, Any] = next(each for each in VECTORS["contents"] if each["name"] == name)
    return found


def packet(vector: dict[str, Any]) -> bytes:
    return encode(int(vector["id"]), content(vector))


CONVERSATIONS: dict[str, Any] = {each["name"]: each for each in VECTORS["conversations"]}
STREAMS: dict[str, Any] = {each["name"]: each for each in VECTORS["streams"]}
NONCE: str = VECTORS["proofs"][0]["nonces"]["ecm"]
SECRET: bytes = VECTORS["proofs"][0]["secret"].encode()

# The hello of a mod_ecm without a secret, as a content and as a packet; and one that proves it.
HELLO = content(named("hello of mod_ecm that sends answers in parts"))
HELLO_PACKET = packet(named("hello of mod_ecm that sends answers in parts"))
PROVEN = next(content(each) for each in VECTORS["contents"] if "proof" in each["fields"])
