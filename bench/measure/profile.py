"""CPU by the kind of code that ran: samples of ``perf``, counted.

Erlang's just-in-time compiler names its code for ``perf`` where ``+JPperf true`` is set; without
it, all Erlang is code without a name. Python 3.11 has no names of its own functions for ``perf``.
"""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path

import attrs

from ecm.tools.ejabberd import installation
from ecm.tools.errors import ToolError
from testkit.servers.process import program

FLAGS = "+JPperf true"  # of the emulator

# Samples a second of each thread that runs. More would show in the figures.
RATE = 499

# Applications of Erlang/OTP that ejabberd runs on.
OTP = ("asn1", "crypto", "kernel", "mnesia", "public_key", "ssl", "stdlib")


class Kind(Enum):
    """The kinds of code, as a table shows them."""

    SEND = "kernel: to send, and deliver on this machine"
    RECEIVE = "kernel: to receive"
    WAIT = "kernel: to wait, and to wake others"
    KERNEL = "kernel: all else"
    PYTHON = "Python"
    MOD_ECM = "Erlang: mod_ecm"
    EJABBERD = "Erlang: ejabberd and its libraries"
    OTP = "Erlang: OTP"
    EMULATOR = "Erlang's emulator, garbage collection included"
    LIBRARIES = "libraries in C: XML, hashes"


SYSTEM_CALLS = {
    **dict.fromkeys(("sendto", "sendmsg", "sendmmsg", "write", "writev"), Kind.SEND),
    **dict.fromkeys(("recvfrom", "recvmsg", "recvmmsg", "read", "readv"), Kind.RECEIVE),
    **dict.fromkeys(("epoll_wait", "epoll_pwait", "epoll_ctl", "futex"), Kind.WAIT),
    **dict.fromkeys(("poll", "ppoll", "select", "pselect6", "sched_yield"), Kind.WAIT),
    **dict.fromkeys(("nanosleep", "clock_nanosleep"), Kind.WAIT),
}

_FRAME = re.compile(r"\s+[0-9a-f]+ (.*) \((.*)\)$")
# The kernel's compiler leaves out some functions: writev(2) may be do_writev alone.
_SYSTEM_CALL = re.compile(r"(?:__(?:x64_|arm64_)?sys_|ksys_|do_)(\w+)")
_ERLANG = re.compile(r"\$?('[^']+'|[a-z]\w*):")


@attrs.frozen
class Sample:
    """A process, and what it ran: names of functions with the files they are of, the innermost
    first."""

    pid: int
    frames: tuple[tuple[str, str], ...]


def samples(lines: Iterable[str]) -> Iterator[Sample]:
    """Read what ``perf script -F pid,ip,sym,dso`` prints: a line with the ID of the process, and
    one for each frame."""
    pid, frames = 0, list[tuple[str, str]]()
    for line in lines:
        if found := _FRAME.match(line):
            frames.append((found[1], found[2]))
        elif line.strip():
            if frames:
                yield Sample(pid, tuple(frames))
            pid, frames = int(line), []
    if frames:
        yield Sample(pid, tuple(frames))


def python_kind(sample: Sample) -> Kind:
    """Return the kind of what a process of Python ran."""
    return _kernel_kind(sample) or Kind.PYTHON


@attrs.frozen
class ErlangKinds:
    """``otp`` are the modules of Erlang/OTP: all others are ejabberd's."""

    otp: frozenset[str]

    def kind(self, sample: Sample) -> Kind:
        """Return the kind of what a node of Erlang ran."""
        if found := _kernel_kind(sample):
            return found
        function, file = sample.frames[0]
        if named := _ERLANG.match(function):
            return self._of_module(named[1])
        return Kind.LIBRARIES if ".so" in file and "/libc.so" not in file else Kind.EMULATOR

    def _of_module(self, module: str) -> Kind:
        if module == "global":  # pieces that all code shares
            return Kind.EMULATOR
        if module.startswith(("ecm_", "mod_ecm")) or module == "ejabberd_sm_ecm":
            return Kind.MOD_ECM
        return Kind.OTP if module in self.otp else Kind.EJABBERD


def _kernel_kind(sample: Sample) -> Kind | None:
    if not _of_kernel(sample.frames[0][1]):
        return None
    for function, file in sample.frames:
        call = _SYSTEM_CALL.match(function) if _of_kernel(file) else None
        if call and call[1] in SYSTEM_CALLS:
            return SYSTEM_CALLS[call[1]]
    return Kind.KERNEL


def _of_kernel(file: str) -> bool:
    return file.startswith(("[kernel", "[guest.kernel", "[vdso"))


def otp_modules() -> frozenset[str]:
    """Ask Erlang for the names of its own modules. Raises ToolError where it fails."""
    names = ", ".join(OTP)
    expression = (
        "Of = fun(A) -> application:load(A), {ok, Found} = application:get_key(A, modules), Found"
        f' end, [io:format("~s~n", [M]) || M <- lists:flatmap(Of, [{names}])'
        " ++ erlang:pre_loaded()], halt()."
    )
    found = installation.find()
    command = [found.erl, "-noinput", "-eval", expression]
    try:
        done = subprocess.run(command, env=found.environment(), check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise ToolError(f"erl has not named its modules: {error.stdout[-500:]!r}") from None
    return frozenset(done.stdout.decode().split())


@attrs.define
class Recording:
    """``perf`` looks for so many ``seconds`` at processes, from ``start`` on, and writes what it
    sees to a file. ``parts`` are their IDs, by the name of their part."""

    parts: Mapping[str, Sequence[int]]
    file: Path
    seconds: float
    _perf: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Raises ToolError where perf is not there."""
        pids = ",".join(str(pid) for part in self.parts.values() for pid in part)
        options = ["-q", "-e", "cpu-clock", "-F", str(RATE), "-g", "-p", pids, "-o", str(self.file)]
        command = [program("perf", "linux-perf"), "record", *options, "--"]
        self._perf = subprocess.Popen([*command, "sleep", f"{self.seconds}"])

    def counted(self, kinds: Mapping[str, Callable[[Sample], Kind]]) -> dict[str, Counter[Kind]]:
        """Wait for its end, and count what each part ran. Raises ToolError where it failed."""
        assert self._perf is not None
        if self._perf.wait():
            raise ToolError("perf record has failed, which needs to be root")
        part_of = {pid: name for name, part in self.parts.items() for pid in part}
        found: dict[str, Counter[Kind]] = {name: Counter() for name in self.parts}
        command = ["perf", "script", "-i", str(self.file), "-F", "pid,ip,sym,dso"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as perf:
            assert perf.stdout is not None
            for sample in samples(line.decode(errors="replace") for line in perf.stdout):
                part = part_of.get(sample.pid)
                if part is not None:
                    found[part][kinds[part](sample)] += 1
        if not all(found.values()):
            raise ToolError(f"perf has seen nothing of {', '.join(self.parts)}")
        return found

    def stop(self) -> None:
        """End it, if it runs, and remove what the emulator wrote for it."""
        if self._perf is not None and self._perf.poll() is None:
            self._perf.send_signal(signal.SIGINT)
            self._perf.wait()
        for pid in (pid for part in self.parts.values() for pid in part):
            for left in (f"perf-{pid}.map", f"jit-{pid}.dump"):
                (Path("/tmp") / left).unlink(missing_ok=True)
