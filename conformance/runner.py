"""Plays all scripts with a server."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from conformance.errors import ScriptError, Skipped, SuiteError
from conformance.outcome import Outcome, Result
from conformance.parser import parse
from conformance.play import FailedAt, play
from conformance.script import Script
from conformance.stage import Stage

FOLDER = Path(__file__).parent / "scripts"
ENDING = ".bosh"


def scripts(wanted: str = "", folder: Path = FOLDER) -> list[Script]:
    """Those with this text in their names, in the order of their names. Raises SuiteError."""
    found = [script for script in _all(folder) if wanted in script.name]
    if not found:
        raise SuiteError(f"no script has {wanted!r} in its name")
    return found


def _all(folder: Path) -> Iterator[Script]:
    for path in sorted(folder.rglob(f"*{ENDING}")):
        try:
            yield parse(str(path.relative_to(folder).with_suffix("")), path.read_text())
        except ScriptError as error:
            raise SuiteError(f"{path}, {error}") from error


async def run(
    all_scripts: Sequence[Script], stage: Callable[[], Stage], tell: Callable[[Outcome], None]
) -> list[Outcome]:
    """Play them, each on a stage of its own, one after the other."""
    outcomes = []
    for script in all_scripts:
        outcome = await _outcome(script, stage())
        tell(outcome)
        outcomes.append(outcome)
    return outcomes


async def _outcome(script: Script, stage: Stage) -> Outcome:
    try:
        await play(stage, script.statements)
    except Skipped as skipped:
        return Outcome(script, Result.SKIP, str(skipped))
    except FailedAt as failed:
        at = f"line {failed.statement.line}: {failed.statement.text}"
        return Outcome(script, Result.FAIL, str(failed), at)
    finally:
        await stage.end()
    return Outcome(script, Result.PASS)
