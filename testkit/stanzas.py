"""Stanzas that tests send."""

from xml.sax.saxutils import escape

from testkit.bosh_client import CLIENT


def presence(kind: str, to: str, domain: str) -> str:
    return f"<presence xmlns='{CLIENT}' type='{kind}' to='{to}@{domain}'/>"


def message(to: str, text: str) -> str:
    return f"<message xmlns='{CLIENT}' type='chat' to='{to}'><body>{escape(text)}</body></message>"
