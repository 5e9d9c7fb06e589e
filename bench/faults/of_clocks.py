"""The system clock is set while everything runs."""

from collections.abc import Callable, Iterator

from bench.faults.back import EjabberdSetup
from bench.faults.front import EcmSetup
from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size
from bench.faults.stack import Setup

_HOUR = 3600  # seconds
_AFTER = 15.0  # seconds after the step; a cut of the link comes after the first five
_BEFORE_THE_CUT = 5.0


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    setups = {
        "ecm": (Setup(ecm=EcmSetup(has_clock=True)), "ECM"),
        "ejabberd": (Setup(ejabberd=EjabberdSetup(has_clock=True)), "ejabberd"),
    }
    for name, (setup, whose) in setups.items():
        for way, seconds in (("forward", _HOUR), ("back", -_HOUR)):
            yield Fault(
                f"clock-{name}-{way}",
                f"the clock of {whose} is set an hour {way}; the link is reset 5 s later",
                _step(name, seconds),
                Goal(p99=1, longest=2),
                _AFTER,
                setup,
            )


def _step(name: str, seconds: int) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        stack = lab.stack
        clock = stack.ecm.clock if name == "ecm" else stack.ejabberd.clock
        assert clock is not None
        clock.step(seconds)
        lab.wait(_BEFORE_THE_CUT)
        stack.network.do("cut rst")
        lab.wait(_AFTER - _BEFORE_THE_CUT)

    return inject
