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

DOCUMENT = CHECKOUT / "docs" / "architecture.md"
ROW = re.compile(r"^\| \d+ \| `(?P<module>\w+)` \| (?P<functions>`.+?`) \|", re.M)
CALL = re.compile(r"\{(ecm_\w+),'?(\w+)'?,\d+\}")

# Seconds in which a session comes to rest.
REST = 0.5

# Has all calls in modules of mod_ecm noted by a process, in their order.
_START = """
    Tracer = spawn(fun() ->
        Loop = fun Loop(Calls) ->
            receive
                {stop, From} -> From ! {calls, lists:reverse(Calls)};
                {trace, _, call, {M, F, A}} -> Loop([{M, F, length(A)} | Calls])
            end
        end,
        Loop([])
    end),
    true = register(walk, Tracer),
    [erlang:trace_pattern({M, '_', '_'}, true, [local])
     || {M, _} <- code:all_loaded(), lists:prefix("ecm_", atom_to_list(M))],
    erlang:trace(processes, true, [call, {tracer, Tracer}]),
    ok
"""
_STOP = """
    erlang:trace(all, false, [call]),
    walk ! {stop, self()},
    receive {calls, Calls} -> Calls end
"""
_MESSAGE = """
    To = jid:make(<<"juliet">>, <<"{domain}">>, <<"test">>),
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
        await self.shell.evaluate(accounts("romeo", "juliet"))
        link = await EcmEnd.connect(self, ejabberd.listeners.port("typed"))
        juliet = LinkUser(link, "juliet")
        await juliet.log_in()
        await juliet.ask(f"<presence xmlns='{CLIENT}'/>")
        juliet.ask()
        await at_rest()
        await self.shell.evaluate(_START)
        juliet.ask()
        self.check("The request, in mod_ecm", await self.traced())
        await self.shell.evaluate(_START)
        await self.shell.evaluate(_MESSAGE.format(domain=DOMAIN))
        self.check("The answer, in mod_ecm", await self.traced())

    async def traced(self) -> list[tuple[str, str]]:
        await at_rest()
        return CALL.findall(await self.shell.evaluate(_STOP))

    def check(self, title: str, calls: list[tuple[str, str]]) -> None:
        """All that is written happened, in this order."""
        rows = list(written(title))
        self.assertTrue(rows)
        remaining = iter(calls)
        for row in rows:
            self.assertIn(row, remaining, f"not called, or not then: {row}")


async def at_rest() -> None:
    await deferLater(reactor, REST, lambda: None)
