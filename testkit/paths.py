"""The folder of the checkout."""

from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent

# JSON that both languages read: packets, and typed contents.
VECTORS: Final = CHECKOUT / "tests" / "vectors"
