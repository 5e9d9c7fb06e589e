"""Faults of the link between ECM and ejabberd."""

from collections.abc import Callable, Iterator

from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size

_FOUND = 10  # seconds in which a link that is dead is found (--link-timeout)
_LONG = 30  # seconds without a link after which it does not resume (--link-grace)


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    yield from _cuts()
    yield from _silences(size.scale)
    yield from _outages(size.scale)
    yield from _slow(size.scale)


def _cuts() -> Iterator[Fault]:
    goal = Goal(p99=1, longest=2)
    for name, word in (("rst", "reset"), ("fin", "closed")):
        yield Fault(f"link-{name}", f"link {word} once", _cut(name, 1, 0), goal, 0)
    yield Fault("link-rst-6", "link reset six times, 15 s apart", _cut("rst", 6, 15), goal, 75)
    yield Fault("link-rst-20", "link reset 20 times, 3 s apart", _cut("rst", 20, 3), goal, 57)


def _cut(how: str, times: int, pause: float) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        for number in range(times):
            if number:
                lab.wait(pause)
            lab.stack.network.do(f"cut {how}")

    return inject


def _silences(scale: float) -> Iterator[Fault]:
    for full in (5, 20, 60):
        seconds = full * scale
        yield Fault(
            f"link-silent-{full}",
            f"link silent for {seconds:g} s, then alive",
            _during(seconds, "silent both", "alive"),
            Goal(longest=seconds + 1) if full < _LONG else Goal(errors=None),
            seconds,
        )
    for way, where in (("up", "to ejabberd"), ("down", "to ECM"), ("both", "both ways")):
        yield Fault(
            f"link-half-open-{way}",
            f"link dead for ever, {where}; a new connection lives",
            _do(f"half-open {way}"),
            Goal(longest=_FOUND + 1),
            0,
            recovery=_FOUND,
        )


def _outages(scale: float) -> Iterator[Fault]:
    for full in (5, 15, 30, 60):
        seconds = full * scale
        yield Fault(
            f"link-refused-{full}",
            f"no link for {seconds:g} s, connections are refused",
            _during(seconds, "refuse", "accept"),
            Goal(longest=seconds + 2) if full < _LONG else Goal(errors=None),
            seconds,
        )


def _slow(scale: float) -> Iterator[Fault]:
    yield Fault(
        "link-slow",
        f"link at 20 kB/s for {90 * scale:g} s",
        _during(90 * scale, "slow 20000", "alive"),
        Goal(),
        90 * scale,
    )


def _do(command: str) -> Callable[[Lab], None]:
    return lambda lab: lab.stack.network.do(command)


def _during(seconds: float, begin: str, end: str) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        lab.stack.network.do(begin)
        lab.wait(seconds)
        lab.stack.network.do(end)

    return inject
