"""A process that the supervisor may have to kill, though it is not its parent."""

import os
from contextlib import suppress
from signal import SIGKILL, pidfd_send_signal

import attrs


@attrs.frozen
class Process:
    """A process by its ID; and by a file descriptor (pidfd_open(2)), where the kernel has that.

    The ID may be that of another process as soon as this one has ended.
    """

    pid: int = attrs.field(validator=attrs.validators.gt(0))  # others name groups, and all
    file: int | None = None

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Return the process that has this ID now."""
        file = None
        with suppress(OSError):  # before Linux 5.3, and where a sandbox forbids it
            file = os.pidfd_open(pid)
        return cls(pid, file)

    def kill(self, lives: bool) -> None:
        """Kill it. Without a file descriptor only if it is known to live, so that it is no other.

        A process lives as long as the other end of a socket is open that nobody else has.
        """
        with suppress(ProcessLookupError):
            if self.file is not None:
                pidfd_send_signal(self.file, SIGKILL)
            elif lives:
                os.kill(self.pid, SIGKILL)

    def close(self) -> None:
        """Close the file descriptor."""
        if self.file is not None:
            os.close(self.file)
