"""``ecm-doctor``: the order of the steps."""

from collections.abc import Sequence
from pathlib import Path

from ecm.doctor import report
from ecm.doctor.diagnosis import diagnose
from ecm.doctor.options import parse
from ecm.doctor.reader import read


def main(arguments: Sequence[str] | None = None, root: Path = Path("/")) -> int:
    """Print what the machine holds. Returns the exit status."""
    options = parse(arguments)
    machine = read(root)
    found = diagnose(machine, options.wish, options.users)
    if options.json:
        print(report.as_json(machine, found))
    else:
        print(report.as_text(machine, found, asked=options.users is not None))
    return 0 if found.fits else 1
