"""Distribution of the tests over pytest's workers (pytest-xdist). trial needs nothing of this.

Only ``make test`` has workers. A module stays together, in one of them (``--dist loadfile``): its
tests share what they start. A worker has its own ejabberd for the tests of links, and its own
browsers, which it starts when the first test comes that needs them.
"""

import pytest

from testkit.lasting import LASTING

# The modules that take longest come first, in this order: else a worker may have one of them alone
# at the end.
LONGEST = (
    "test_mod_ecm_eunit",
    "test_ejabberd_restart_sessions",
    "test_swarm_transports",
    "test_swarm_run",
    "test_browser",
    "test_browser_ways",
    "test_demo_run",
    "test_mod_ecm_installer",
    "test_workers_hang",
    "test_reload",
    "test_session_crowd",
    "test_link_liveness",
    "test_admin",
    "test_packaging",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    module = item.path.stem
    return LONGEST.index(module) if module in LONGEST else len(LONGEST)


def pytest_sessionfinish() -> None:
    LASTING.close()
