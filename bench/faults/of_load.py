"""More than there should be: messages for who does not listen, logins, connections; and too little
memory."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.faults.back import EjabberdSetup
from bench.faults.front import EcmSetup
from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size
from bench.faults.stack import Setup
from bench.faults.user import PASSWORD, name

_RESERVE = 128  # open files that ECM keeps for itself (ecm/limits.py)
_SHORT = 2**20  # bytes of address space that are left to ECM
_SIZE = 2_000  # bytes of a message
_LONG = 200_000  # bytes of a message for which there may be no memory
_MEMBERS = 120
_ROOM = Setup(ejabberd=EjabberdSetup(modules={"mod_muc": {}}))


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    yield from _messages(size.scale)
    yield from _logins(size.users, size.scale)
    yield from _shortages(size.users, size.scale)


def _messages(scale: float) -> Iterator[Fault]:
    count = int(2_000 * scale)
    yield Fault(
        "backlog",
        f"{count:,} messages of 2 kB for a user who does not ask, and then asks",
        _backlog(count),
        Goal(p99=1),
        40,
    )
    yield Fault(
        "room",
        "a room with 120 members, 10 messages of 2 kB a second; 40 do not read, 20 do not ask",
        _room(80 * scale),
        Goal(),
        80 * scale,
        _ROOM,
        recovery=10,
    )


def _logins(usual: int, scale: float) -> Iterator[Fault]:
    users = int(usual * 5 / 3)
    yield Fault(
        "login-storm",
        f"{users * 4 // 5:,} users log in at once, with SCRAM passwords, beside {users // 5:,}",
        _storm(40 * scale),
        Goal(p99=0.5),
        40 * scale,
        Setup(ejabberd=_scram(users)),
        more=5 / 3,
        first=0.2,
    )
    yield Fault(
        "login-anew",
        f"5 users a second log in anew beside their old session, for {60 * scale:g} s",
        _renew(60 * scale),
        Goal(untold=None, twice=None, disordered=None),
        60 * scale,
    )


def _shortages(users: int, scale: float) -> Iterator[Fault]:
    files = _RESERVE + int(users * 0.9)
    yield Fault(
        "files-short",
        f"{users // 2} more users come than the {files} open files of ECM are enough for",
        _newcomers(40 * scale),
        Goal(p99=1),
        40 * scale,
        Setup(ecm=EcmSetup(before=("prlimit", f"--nofile={files}:{files}"))),
        first=0.5,
    )
    yield Fault(
        "memory-short",
        f"{users // 2} more users come while ECM can have 1 MB more of address space",
        _memory_short(40 * scale),
        Goal(p99=1),
        40 * scale,
        first=0.5,
    )


def _backlog(count: int) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        silent, senders = lab.users[-1], lab.users[-21:-1]
        lab.crowd.tell("sleep", numbers=[silent], sleeps=True)
        lab.crowd.tell(
            "flood",
            receiver=silent,
            first=senders[0],
            senders=len(senders),
            count=count,
            size=_SIZE,
            rate=count / 30,
        )
        lab.wait(35)
        lab.crowd.tell("sleep", numbers=[silent], sleeps=False)
        lab.wait(5)

    return inject


def _room(seconds: float) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        members = [*lab.users[-_MEMBERS:]]
        mute, asleep, awake = members[:40], members[40:60], members[60:]
        lab.crowd.tell("join", members=members)
        lab.wait(3)
        lab.crowd.tell("mute", numbers=mute, is_mute=True)
        lab.crowd.tell("sleep", numbers=asleep, sleeps=True)
        lab.crowd.tell("crowd", speakers=awake, size=_SIZE, rate=10)
        lab.wait(seconds)
        lab.crowd.tell("mute", numbers=mute, is_mute=False)
        lab.crowd.tell("sleep", numbers=asleep, sleeps=False)

    return inject


def _storm(seconds: float) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        _log_in_the_rest(lab, at_once=len(lab.users))
        lab.wait(seconds)

    return inject


def _log_in_the_rest(lab: Lab, at_once: int) -> None:
    first, count = len(lab.first), len(lab.users) - len(lab.first)
    lab.crowd.tell("log_in", first=first, count=count, at_once=at_once)


def _renew(seconds: float) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        lab.crowd.tell("renew", rate=5)
        lab.wait(seconds)
        lab.crowd.tell("renew", rate=0)

    return inject


def _newcomers(seconds: float) -> Callable[[Lab], None]:
    """More users come, at a pace, and go again. Only the first ones count."""

    def inject(lab: Lab) -> None:
        lab.crowd.tell("watch", numbers=[*lab.first])
        _log_in_the_rest(lab, at_once=20)
        lab.wait(seconds)
        lab.crowd.tell("dismiss", numbers=[*lab.users[len(lab.first) :]])

    return inject


def _memory_short(seconds: float) -> Callable[[Lab], None]:
    """The newcomers write long messages to one of them, each of which takes memory of ECM."""

    def inject(lab: Lab) -> None:
        newcomers = lab.users[len(lab.first) :]
        ecm = lab.stack.ecm.process.pid
        _limit_memory(ecm, _address_space(ecm) + _SHORT)
        lab.crowd.tell(
            "flood",
            receiver=newcomers[-1],
            first=newcomers[0],
            senders=len(newcomers) // 2,
            count=int(seconds * 4),
            size=_LONG,
            rate=4,
        )
        _newcomers(seconds)(lab)
        _limit_memory(ecm, resource.RLIM_INFINITY)

    return inject


def _address_space(pid: int) -> int:
    """Return the bytes that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def _limit_memory(pid: int, most: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _scram(users: int) -> EjabberdSetup:
    """Accounts with passwords in the form whose check takes as long as it should."""
    return EjabberdSetup(
        top={"auth_method": "internal", "auth_password_format": "scram"},
        accounts={name(number): PASSWORD for number in range(users)},
    )
