"""Reloads: of ECM with a changed option, and of proxies in front of it, beside which it stands."""

import signal
from collections.abc import Callable, Iterator

from bench.faults.front import EcmSetup
from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size
from bench.faults.stack import Setup
from testkit.servers import haproxy, nginx

_WORKERS = 2
_RELOAD = 30.0  # seconds for ECM to reload
_MAKE_WAY = 60.0  # seconds for the former workers to end
_PROXY = (
    30.0  # seconds in which a proxy has reloaded, and its former workers have no clients to end
)

# Two requests that are on their way over two connections may come in any order.
_GOAL = Goal(disordered=None, p99=1, longest=1)
_ANY = Goal(errors=None, disordered=None)


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    yield Fault(
        "reload",
        "ECM with two workers: an option is changed, and SIGHUP",
        _reload,
        _GOAL,
        _RELOAD,
        Setup(ecm=EcmSetup(workers=_WORKERS, has_file=True)),
    )
    for name, started, number in (
        ("haproxy", haproxy.in_front, signal.SIGUSR2),
        ("nginx", nginx.nginx, signal.SIGHUP),
    ):
        yield Fault(
            f"reload-{name}",
            f"{name} in front of ECM: {number.name}",
            _reload_proxy(number),
            _ANY,
            _PROXY,
            Setup(proxy=started),
        )


def _reload(lab: Lab) -> None:
    """Change an option that no user meets, and wait until nothing of the former workers is left."""
    ecm = lab.stack.ecm
    ecm.write_options("idle-timeout = 61")
    ecm.process.running.send_signal(signal.SIGHUP)
    lab.wait_until(lambda: "reload: generation 2 serves" in ecm.logged, _RELOAD)
    lab.wait_until(lambda: "generation 1 of workers has ended" in ecm.logged, _MAKE_WAY)


def _reload_proxy(number: signal.Signals) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        assert lab.stack.proxy is not None
        lab.stack.proxy.running.send_signal(number)
        lab.wait(_PROXY)

    return inject
