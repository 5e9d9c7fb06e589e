"""``python -m conformance http://host:port/path`` plays all scripts with that server."""

import asyncio
import sys

from conformance.errors import SuiteError
from conformance.options import Options, options
from conformance.outcome import Outcome, summary
from conformance.runner import run, scripts
from conformance.stage import Stage
from conformance.table import put_table
from conformance.target import Target, check_reachable, listed, target


def main() -> int:
    try:
        return _main(options(sys.argv[1:]))
    except SuiteError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _main(chosen: Options) -> int:
    if chosen.servers is not None:
        targets = listed(chosen.servers)
    else:
        targets = {chosen.url: target(chosen.url, chosen.domain, chosen.users)}
    outcomes = {title: _try(chosen, tried) for title, tried in targets.items()}
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
