"""The style and the script of the page, which stand within it: it asks for nothing else. Pure."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Final

STYLE: Final = files(__name__).joinpath("style.css").read_text("utf-8")
SCRIPT: Final = files(__name__).joinpath("live.js").read_text("utf-8")


def _hash(text: str) -> str:
    """Return the hash by which a policy lets a text in (CSP 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


# Content-Security-Policy: the style and the script above, and nothing else from anywhere. The
# picture is that of the tab, which stands in the page, too.
POLICY: Final = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; img-src data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
