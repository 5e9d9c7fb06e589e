"""The cases of the Autobahn testsuite (RFC 6455), all that are not about compression.

kosoku runs them, on a server whose frames and close handshake are those of ECM.
"""

import asyncio

from kosoku import run_fuzzingclient
from twisted.trial.unittest import TestCase

from ecm.tools.ports import HOST
from testkit.servers.websocket_echo import Echo

# Compression is never accepted: these would all say that they have not been tried.
COMPRESSION = ["12.*", "13.*"]

# What a case may end with: 7.1.6 and 7.13 only look what happens.
GOOD = {"OK", "INFORMATIONAL"}


async def run() -> list[tuple[str, str, str]]:
    """Return the cases, each with what came of its messages and of its end."""
    server = await asyncio.get_running_loop().create_server(Echo, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        results = await run_fuzzingclient(f"ws://{HOST}:{port}", exclude_cases=COMPRESSION)
    return [(each.case_id, each.behavior.value, each.behavior_close.value) for each in results]


class AutobahnTests(TestCase):
    def test_all_cases_pass(self) -> None:
        results = asyncio.run(run())
        self.assertGreater(len(results), 300)
        self.assertEqual([each for each in results if not {*each[1:]} <= GOOD], [])
