"""What is fuzzed, by name; and where its seeds are, a folder for each."""

from pathlib import Path

from tests.fuzz import clients, texts, wire
from tests.fuzz.target import Target

SEEDS = Path(__file__).parent / "seeds"

TARGETS: dict[str, Target] = {**clients.TARGETS, **wire.TARGETS, **texts.TARGETS}
