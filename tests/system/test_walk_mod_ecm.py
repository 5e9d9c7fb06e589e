"""The walk in docs/architecture.md is the way that a request and its answer go in mod_ecm."""

import re
from collections.abc import Iterator

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.paths import CHECKOUT
from testkit.private_ejabberd import running_ejabberd
from testkit.session_probe import is_asleep

DOCUMENT = CHECKOUT / "docs" / "architecture.md"
ROW = re.compile(r"^\| \d+ \| `(?P<module>\w+)` \| (?P<functions>`.+?`) \|", re.M)
CALL = re.compile(r"\{(ecm_\w+),'?(\w+)'?,\d+\}")

# What is written may happen a little later: how often it is looked for, and the seconds between.
ATTEMPTS = 200
PAUSE = 0.1

# Has all calls in modules of mod_ecm noted by a process, with their times: between processes, that
# alone is their order.
_START = """
    Tracer = spawn(fun() ->
        Loop = fun Loop(Calls) ->
            receive
                {tell, From} -> From ! {calls, Calls}, Loop(Calls);
                {trace_ts, _, call, {M, F, A}, Time} -> Loop([{Time, M, F, length(A)} | Calls])
            end
        end,
        Loop([])
    end),
    true = register(walk, Tracer),
    [erlang:trace_pattern({M, '_', '_'}, true, [local])
     || {M, _} <- code:all_loaded(), lists:prefix("ecm_", atom_to_list(M))],
    erlang:trace(processes, true, [call, strict_monotonic_timestamp, {tracer, Tracer}]),
    ok
"""
_CALLS = """
    walk ! {tell, self()},
    receive {calls, Calls} -> [{M, F, A} || {_, M, F, A} <- lists:sort(Calls)] end
"""
_STOP = """
    erlang:trace(all, false, [call]),
    Monitor = monitor(process, walk),
    exit(whereis(walk), kill),
    receive {'DOWN', Monitor, _, _, _} -> ok end
"""
_MESSAGE = """
    To = jid:make(<<"walker">>, <<"{domain}">>, <<"test">>),
    From = jid:make(<<"romeo">>, <<"{domain}">>),
    ejabberd_router:route(xmpp:set_from_to(xmpp:decode(
        {{xmlel, <<"message">>, [{{<<"xmlns">>, <<"jabber:client">>}}],
          [{{xmlel, <<"body">>, [], [{{xmlcdata, <<"Hello">>}}]}}]}}), From, To))
"""


def written(title: str) -> Iterator[tuple[str, str]]:
    """The calls in the table below a heading."""
    section = DOCUMENT.read_text().partition(f"### {title}\n")[2].partition("\n### ")[0]
    for row in ROW.finditer(section):
        for function in re.findall(r"`(\w+)`", row["functions"]):
            yield row["module"], function


class WalkTests(TestCase):
    timeout = 60

    async def test_the_walk_is_the_one_in_the_document(self) -> None:
        ejabberd = running_ejabberd()
        self.shell = ErlangShell.start(self, ejabberd.node)
        await self.shell.evaluate(accounts("walker"))
        link = await EcmEnd.connect(self, ejabberd.listeners.port("typed"))
        walker = LinkUser(link, "walker")
        await walker.log_in()
        await walker.ask(f"<presence xmlns='{CLIENT}'/>")
        await self.shell.evaluate(is_asleep(walker.jid))

        await self.shell.evaluate(_START)
        held = walker.ask()
        next_one = walker.ask()
        await held  # the session answers it, and holds the next one
        await self.check("The request, in mod_ecm")

        await self.shell.evaluate(is_asleep(walker.jid))
        await self.shell.evaluate(_START)
        await self.shell.evaluate(_MESSAGE.format(domain=DOMAIN))
        await next_one
        await self.check("The answer, in mod_ecm")

    async def check(self, title: str) -> None:
        """All that is written happens, in this order; some after the client has its answer."""
        rows = list(written(title))
        self.assertTrue(rows)
        for _ in range(ATTEMPTS):
            calls = CALL.findall(await self.shell.evaluate(_CALLS))
            if not (missing := first_missing(rows, calls)):
                break
            await deferLater(reactor, PAUSE, lambda: None)
        self.assertEqual(missing, "", "not called, or not then")
        await self.shell.evaluate(_STOP)


def first_missing(rows: list[tuple[str, str]], calls: list[tuple[str, str]]) -> str:
    """Return the first row that is not among the calls behind those before it, or nothing."""
    remaining = iter(calls)
    for row in rows:
        if row not in remaining:
            return ":".join(row)
    return ""
