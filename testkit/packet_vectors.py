"""The packets that both languages read: vectors/packet.json."""

import json
from typing import Any

from testkit import paths

VECTORS: dict[str, Any] = json.loads((paths.VECTORS / "packet.json").read_text())
