"""Erlang, evaluated inside a running node: what ejabberd itself knows, for tests that ask it."""

import os
from contextlib import suppress
from secrets import token_hex

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.tools.ejabberd.node import Node

# Reads expressions, a line each, and writes their values as the node has them, a line each.
_LOOP = """
Node = '{node}',
Evaluate = fun(Line) ->
    {{ok, Tokens, _}} = erl_scan:string(Line),
    {{ok, Expressions}} = erl_parse:parse_exprs(Tokens),
    case rpc:call(Node, erl_eval, exprs, [Expressions, []]) of
        {{value, Value, _}} -> Value;
        Failed -> Failed
    end
end,
Loop = fun Loop() ->
    case io:get_line("") of
        eof -> halt();
        Line -> io:format("~0tp~n", [Evaluate(Line)]), Loop()
    end
end,
Loop().
"""


class ErlangShell(ProcessProtocol):
    """An Erlang of its own, connected to a node."""

    transport: IProcessTransport

    def __init__(self) -> None:
        self._received = b""
        self._awaited: list[Deferred[str]] = []
        self._is_stopped = False
        self.ended: Deferred[None] = Deferred()

    @classmethod
    def start(cls, test: TestCase, node: Node) -> "ErlangShell":
        """Start it. It ends with the test."""
        shell = cls()
        command = _command(node)
        environment = dict(os.environ) | {"HOME": str(node.home)}
        reactor.spawnProcess(shell, command[0], command, env=environment)
        test.addCleanup(shell.stop)
        return shell

    def evaluate(self, expressions: str) -> Deferred[str]:
        """Fires with the value of the last of these expressions, as Erlang writes it.

        They run in a process that ends with them. Fails with what Erlang says if they do.
        """
        value: Deferred[str] = Deferred()
        self._awaited.append(value)
        self.transport.write(f"{' '.join(expressions.split())}.\n".encode())
        return value.addCallback(_succeeded)

    async def stop(self) -> None:
        self._is_stopped = True
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")  # it may be waiting for what will not come
        await self.ended

    def outReceived(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._awaited.pop(0).callback(line.decode())

    def errReceived(self, data: bytes) -> None:
        if not self._is_stopped:  # one that is killed while it starts complains
            raise AssertionError(data.decode())

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)
        for value in self._awaited:
            value.errback(AssertionError("Erlang has ended"))


def _command(node: Node) -> list[str]:
    return [
        node.installation.erl,
        *("-name", f"shell-{token_hex(4)}@127.0.0.1", "-hidden"),
        *(
            "-erl_epmd_port",
            str(node.distribution_port),
            "-start_epmd",
            "false",
            "-dist_listen",
            "false",
        ),
        *("-noshell", "-eval", _LOOP.format(node=node.name)),
    ]


def _succeeded(value: str) -> str:
    if value.startswith("{badrpc,"):
        raise AssertionError(value)
    return value
