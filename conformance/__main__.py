"""``python -m conformance http://host:port/path`` plays all scripts with that server."""

import asyncio
import sys
from contextlib import ExitStack

from conformance.errors import SuiteError
from conformance.options import Options, options
from conformance.outcome import Outcome, summary
from conformance.peers import started
from conformance.runner import run, scripts
from conformance.stage import Stage
from conformance.table import put_table
from conformance.target import Target, check_reachable, target


def main() -> int:
    try:
        return _main(options(sys.argv[1:]))
    except SuiteError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _main(chosen: Options) -> int:
    outcomes: dict[str, list[Outcome]] = {}
    with ExitStack() as stack:
        for name in chosen.peers:
            peer = stack.enter_context(started(name))
            outcomes[peer.title] = _try(chosen, peer.target)
    if chosen.url:
        tried = target(chosen.url, chosen.domain, chosen.users)
        outcomes[chosen.url] = _try(chosen, tried)
    if chosen.table is not None:
        put_table(chosen.table, outcomes)
    return int(any(outcome.counts for column in outcomes.values() for outcome in column))


def _try(chosen: Options, tried: Target) -> list[Outcome]:
    def stage() -> Stage:
        return Stage(tried, chosen.patience, chosen.longest, print if chosen.verbose else _ignore)

    check_reachable(tried)
    print(f"{tried.host}:{tried.port}{tried.path}, domain {tried.domain}")
    outcomes = asyncio.run(run(scripts(chosen.only), stage, _tell))
    print(summary(outcomes))
    return outcomes


def _tell(outcome: Outcome) -> None:
    print(outcome.told(), flush=True)


def _ignore(text: str) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
