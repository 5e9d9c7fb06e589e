"""The files of the page."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ecm.tools import private
from ecm.tools.demo.plan import BOSH_PATH, DOMAIN, WEBSOCKET_PATH
from ecm.tools.ejabberd.installation import only

_PAGE = Path(__file__).parent / "page"


def find_strophe() -> Path:
    """Return the client library of the page, minified. Raises ToolError."""
    return only("Strophe.js", "usr/share/javascript/strophe/strophe.min.js")


def fill(www: Path, strophe: Path, users: Mapping[str, str]) -> None:
    """Install the page, its library, and ``demo.json`` with the users.

    Their passwords are in it, so that everyone who opens the page can log in with a tap.
    """
    shutil.rmtree(www)
    www.mkdir(0o700)
    for source in _PAGE.iterdir():
        shutil.copyfile(source, www / source.name)
    shutil.copyfile(strophe, www / "strophe.js")
    private.write(www / "demo.json", json.dumps(_demo(users), indent=2))


def _demo(users: Mapping[str, str]) -> dict[str, object]:
    return {
        "domain": DOMAIN,
        # Paths, so that the page also works through a tunnel, whose address nobody here knows.
        "websocket": WEBSOCKET_PATH,
        "bosh": BOSH_PATH,
        "users": [{"name": name, "password": password} for name, password in users.items()],
    }
