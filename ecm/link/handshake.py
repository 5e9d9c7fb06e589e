"""The handshake of a typed link, ECM's end: versions, roles and the shared secret. Pure."""

from typing import Final

import attrs

from ecm.link import message
from ecm.link.agreement import Agreement, Previous
from ecm.link.authentication import response, verify
from ecm.link.credit import DEFAULT_WINDOW
from ecm.link.settings import LinkSettings
from ecm.link.state import Input

VERSION: Final = 1

# The features that ECM has: it takes answers in parts, its links resume, they carry streams, and it
# asks for numbers and sessions of a node.
PARTS: Final = "parts"
RESUME: Final = "resume"
STREAMS: Final = "streams"
INSIGHT: Final = "insight"

# What ejabberd has beside: it ends its part of a stream when it is asked to.
LEAVE: Final = "leave"


@attrs.frozen
class Refusal:
    """A hello that ECM does not accept: ``text`` is for the peer, ``reason`` for the log."""

    input: Input
    text: str
    reason: str


class Handshake:
    """ECM's hello, and its judgement of ejabberd's."""

    def __init__(self, settings: LinkSettings, instance: str, nonce: str) -> None:
        self._settings = settings
        self._instance = instance
        self._nonce = nonce

    def hello(self) -> bytes:
        """Return the content that opens a typed link."""
        fields = {
            "version": str(VERSION),
            "role": "ecm",
            "instance": self._instance,
            "max-packet": str(self._settings.max_packet),
            "max-content": str(self._settings.max_content),
            "window": str(self._settings.stream_window),
            "nonce": self._nonce,
            "features": ",".join(self._features()),
        }
        if not self._settings.stream_window:
            del fields["window"]
        return message.encode("hello", fields=fields)

    def _features(self) -> list[str]:
        resume = [RESUME] if self._settings.link_grace else []
        streams = [STREAMS] if self._settings.stream_window else []
        return [PARTS, *resume, *streams, INSIGHT]

    def agreement(self, fields: dict[str, str]) -> Agreement:
        """Return what is agreed, with a hello of ejabberd that is accepted."""
        features = fields.get("features", "").split(",")
        common = [each for each in self._features() if each in features]
        return Agreement(
            fields["instance"],
            int(fields["max-packet"]),
            PARTS in common,
            RESUME in common,
            int(fields.get("window", DEFAULT_WINDOW)) if STREAMS in common else 0,
            INSIGHT in common,
            LEAVE in features and STREAMS in common,
        )

    def refusal(self, fields: dict[str, str]) -> Refusal | None:
        """Return why ejabberd's hello is not accepted, or None."""
        if fields["role"] != "ejabberd":
            reason = "the other end of the link is an ECM, too"
            return Refusal(Input.UNEXPECTED, "two ecm", reason)
        if fields["version"] != str(VERSION):
            text = f"ecm speaks {VERSION}, ejabberd speaks {fields['version']}"
            return Refusal(Input.VERSION, text, f"no link version in common: {text}")
        reason = self._unproven(fields)
        return Refusal(Input.UNPROVEN, "the secret", reason) if reason else None

    def _unproven(self, fields: dict[str, str]) -> str:
        """Return why ejabberd has not shown that it knows the secret, or an empty string."""
        secret, given = self._settings.secret, fields.get("proof")
        if secret is None:
            return "ejabberd wants a secret, give it with --link-secret-file" if given else ""
        if given is None:
            return "ejabberd has no secret: set secret_file for its listener"
        expected = response(secret, "ejabberd", self._nonce, fields["nonce"])
        return "" if verify(given, expected) else "the secret of ejabberd is another one"

    def proof(self, nonce: str) -> bytes | None:
        """Return the content that proves the secret for ejabberd's nonce; None without a secret."""
        if self._settings.secret is None:
            return None
        own = response(self._settings.secret, "ecm", self._nonce, nonce)
        return message.encode("proof", [own])


def resume(previous: Previous | None, over: str) -> bytes:
    """Return the content that asks for a link to go on, or for a new one.

    ``over`` is the token of a link that ECM has given up, or empty.
    """
    fields = {"over": over} if over else {}
    if previous is not None:
        fields |= {"link": previous.token, "got": str(previous.received)}
    return message.encode("resume", fields=fields)
