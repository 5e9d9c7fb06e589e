"""``ecm-swarm``: the order of the steps."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ecm.tools.cli import fail
from ecm.tools.swarm import report
from ecm.tools.swarm.options import Options, parse
from ecm.tools.swarm.phases import Phases
from ecm.tools.swarm.progress import progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the swarm. Returns the exit status."""
    options = parse(arguments)
    json_file = Path(f"{options.output}.json")
    try:
        json_file.touch()  # fail now rather than after an hour
        result = report.result(options, _run(options))
        report.write(result, json_file)
        print(f"{_summary(result)}\nwritten: {json_file}")
        _draw(result, Path(f"{options.output}.png"))
    except OSError as error:
        return fail("ecm-swarm", error)
    return 0 if result["ok"] else 1


def _run(options: Options) -> Phases:
    reactor: Any = installed
    phases = Phases(reactor, options, progress())
    failures: list[Failure] = []

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # after the reactor has set its own
            signal.signal(number, lambda *_: reactor.callFromThread(phases.interrupt))
        Deferred.fromCoroutine(phases.run()).addErrback(failures.append).addBoth(stop)

    def stop(_: object) -> None:
        reactor.stop()

    reactor.callWhenRunning(begin)
    reactor.run()
    for failure in failures:
        failure.raiseException()
    return phases


def _summary(result: report.Result) -> str:
    users, messages, own = result["users"], result["messages"], result["own"]
    storm = result["storm"]
    lines = [
        f"users: {users['logins']} of {users['asked for']} logged in, {users['left']} left,"
        f" {users['sessions lost']} sessions lost",
        f"messages: {messages['sent']} sent, {messages['arrived']} arrived,"
        f" {messages['lost']} lost, {messages['twice']} twice, {messages['astray']} astray,"
        f" {messages['out of order']} out of order",
        *(
            [
                f"storm: {storm['came back']} of {storm['users']} came back,"
                f" {storm['logins a second']} a second; {users['refused']} times refused"
            ]
            if storm
            else []
        ),
        *(f"error: {times} x {kind}" for kind, times in result["errors"].items()),
        *(
            f"{what}: p50 {found['p50']} ms, p90 {found['p90']} ms, p99 {found['p99']} ms,"
            f" max {found['max']} ms"
            for what, found in result["milliseconds"].items()
            if found["p50"] is not None
        ),
        f"of its own: {own['bytes per user']} bytes a user, {own['CPU seconds']} s of CPU",
    ]
    return "\n".join(lines)


def _draw(result: report.Result, path: Path) -> None:
    try:
        from ecm.tools.swarm import chart
    except ImportError:
        print(f"no {path}: for the picture, pip install matplotlib", file=sys.stderr)
        return
    chart.draw(result, path)
    print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
