"""The fuzz targets, by name, and the folders of their seeds."""

from pathlib import Path

from tests.fuzz import clients, frames, records, starttls, streams, texts, wire
from tests.fuzz.target import Target

SEEDS = Path(__file__).parent / "seeds"

TARGETS: dict[str, Target] = {
    **clients.TARGETS,
    **wire.TARGETS,
    **texts.TARGETS,
    **frames.TARGETS,
    **records.TARGETS,
    **starttls.TARGETS,
    **streams.TARGETS,
}
