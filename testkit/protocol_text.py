"""The parts of docs/protocol.md that are made: examples from the vectors, diagrams from the tables.

``python -m testkit.protocol_text`` writes them again; a test says when that is due.
"""

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ecm.link.state import TRANSITIONS
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.mod_ecm_build import compile_into
from testkit import paths
from testkit.made_text import renewed
from testkit.paths import CHECKOUT
from testkit.typed_vectors import VECTORS, packet

FILE = CHECKOUT / "docs" / "protocol.md"
PACKETS: dict[str, Any] = json.loads((paths.VECTORS / "packet.json").read_text())
SIDES = {"ecm": "ECM", "ejabberd": "mod_ecm"}

# Bytes of an example, at most: longer ones are in the vectors only.
SHORT = 300

# How bytes are shown that are not visible ASCII.
_ESCAPED = {byte: f"\\x{byte:02x}" for byte in (*range(32), *range(127, 256))}
_ESCAPED |= {ord("\n"): "\\n", ord("\\"): "\\\\"}

# Says what mod_ecm's table has, but for what changes nothing.
ASK = """\
[io:format("~s,~s,~s~n", [From, Event, To])
 || {From, Event, To} <- ecm_link_state:transitions(), From =/= To], halt()."""


def packets() -> Iterator[str]:
    yield from _block(_example("", bytes.fromhex(each["packet"])) for each in PACKETS["packets"])


def contents() -> Iterator[str]:
    yield "As packets; `\\n` and `\\x` stand for bytes that cannot be shown."
    yield ""
    for side, name in SIDES.items():
        yield f"From {name}:"
        yield ""
        ours = [each for each in VECTORS["contents"] if each["from"] == side]
        yield from _block(_example("", packet(each)) for each in ours)


def faults() -> Iterator[str]:
    yield "Contents with faults:"
    yield ""
    yield from _block(_example(f"{each['fault']:15}", packet(each)) for each in VECTORS["errors"])


def conversations() -> Iterator[str]:
    yield from _conversations(VECTORS["conversations"])


def streams() -> Iterator[str]:
    yield from _conversations(VECTORS["streams"])


def _conversations(vectors: Iterable[dict[str, Any]]) -> Iterator[str]:
    for conversation in vectors:
        secret = conversation.get("secret")
        known = f", which is `{secret}`" if secret else ""
        name = conversation["name"]
        yield f"**{name[0].upper()}{name[1:]}**{known}:"
        yield ""
        steps = conversation["steps"]
        yield from _block(_example(f"{SIDES[step['from']]:8}", packet(step)) for step in steps)


def ecm_states() -> Iterator[str]:
    yield from _diagram(
        [
            (state.value, each.value, after.value)
            for state, inputs in TRANSITIONS.items()
            for each, after in inputs.items()
            if after is not state
        ],
        ["typed_only", "plain"],
    )


def mod_ecm_states() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        found = installation.find()
        compile_into(Path(folder), found)
        run = [found.erl, "-noinput", "-pa", folder, "-eval", ASK]
        said = subprocess.run(run, check=True, stdout=subprocess.PIPE, encoding="ascii").stdout
    yield from _diagram(
        [(one, sign, other) for one, sign, other in map(_split, said.splitlines())],
        ["plain_only", "negotiating", "typed_only"],
    )


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    each.__name__: each
    for each in (packets, contents, faults, conversations, streams, ecm_states, mod_ecm_states)
}


def _split(line: str) -> tuple[str, str, str]:
    one, sign, other = line.split(",")
    return one, sign, other


def _block(lines: Iterable[str | None]) -> Iterator[str]:
    yield from (f"    {line}" for line in lines if line is not None)
    yield ""


def _example(begin: str, data: bytes) -> str | None:
    """Return a line with what ``data`` is, or None where that would be too long to read."""
    if len(data) > SHORT:
        return None
    shown = "".join(_ESCAPED.get(byte, chr(byte)) for byte in data)
    if shown.endswith(" "):
        shown = shown[:-1] + "\\x20"
    return f"{begin} {shown}" if begin else shown


def _diagram(transitions: list[tuple[str, str, str]], starts: list[str]) -> Iterator[str]:
    """Yield a diagram as Mermaid has it, with one arrow for all that leads the same way."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for one, sign, other in transitions:
        arrows.setdefault((one, other), []).append(sign)
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield from (f"    [*] --> {start}" for start in starts)
    for (one, other), signs in arrows.items():
        yield f"    {one} --> {'[*]' if other == 'closed' else other}: {', '.join(signs)}"
    yield "```"


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(), PARTS))
