"""A system clock that can be set for one program, by Debian's libfaketime.

The monotonic clock goes on, as it does when an operator or NTP sets the real one.
"""

from pathlib import Path

from ecm.tools.errors import ToolError

# Shared memory that the library has for each process, and leaves behind if that is killed.
_LEFT = ("/dev/shm/faketime_shm_{pid}", "/dev/shm/sem.faketime_sem_{pid}")
_PATTERN = "usr/lib/*/faketime/libfaketimeMT.so.1"


class Clock:
    """The clock of the programs that run in its ``environment``."""

    def __init__(self, folder: Path) -> None:
        """Raises ToolError where libfaketime is missing."""
        library = next(Path("/").glob(_PATTERN), None)
        if library is None:
            raise ToolError("libfaketime is missing; as root: apt-get install libfaketime")
        self._file = folder / "clock"
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",  # a step is noticed at once
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """Set the clock to so many seconds from the real time."""
        self._file.write_text(f"{seconds:+d}\n")

    def clean(self, pid: int) -> None:
        """Remove what a process that has ended may have left."""
        for path in _LEFT:
            Path(path.format(pid=pid)).unlink(missing_ok=True)
