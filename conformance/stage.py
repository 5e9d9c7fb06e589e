"""The stage of a script: the actors, the connections, and one method for each statement."""

import asyncio
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from xml.etree.ElementTree import Element

from conformance import body
from conformance.actor import Actor, Request
from conformance.connection import Budget, Closed, Connection
from conformance.errors import Failed, Skipped
from conformance.limits import ELEMENT_SIZE, MAX_SLACK, MAX_VALUE
from conformance.response import NoAnswer, Response
from conformance.target import Target
from conformance.text import printable
from conformance.values import expand

_ENOUGH = 500  # characters of an answer, in a message
_GOOD_BYE = 2.0  # seconds for the end of a session, after the script


class Stage:
    """``patience`` is how long anything that must come may take, in seconds.

    ``longest`` is how long a script may wait, for the sake of those who watch. ``narrate`` is told
    what goes to and fro.
    """

    def __init__(
        self,
        target: Target,
        patience: float,
        longest: float,
        narrate: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.domain = target.domain
        self.patience = patience
        self._longest = longest
        self._narrate = lambda text: narrate(printable(text))
        self._target = target
        self._actors: dict[str, Actor] = {}
        self._connections: dict[str, Connection] = {}
        self._budget = Budget()

    def actor(self, name: str) -> Actor:
        """``alice``, or ``alice/phone``: another one with the same account."""
        if name not in self._actors:
            account = self._target.accounts.get(name.partition("/")[0])
            if account is None:
                raise Failed(f"nobody plays {name}")
            self._actors[name] = Actor(name, account, self.domain)
        return self._actors[name]

    def connection(self, name: str) -> Connection:
        return self._connections.setdefault(name, Connection(self._target, self._budget))

    def expand(self, actor: Actor, text: str) -> str:
        """Put in values for the placeholders, as this actor says them."""
        return expand(text, lambda name: self._value(actor, name))

    def expand_xml(self, actor: Actor, text: str) -> str:
        """The same in a body, or in a pattern of one."""

        def value(name: str) -> str | None:
            found = self._value(actor, name)
            return None if found is None else body.escaped(found)

        return expand(text, value)

    def completed(self, actor: Actor, text: str) -> str:
        """The body with what it lacks: the next RID, and the SID, if there is one."""
        return body.completed(text, {"rid": str(actor.rid + 1), "sid": body.escaped(actor.sid)})

    def _value(self, actor: Actor, name: str) -> str | None:
        common = {"domain": self.domain, "longest": str(int(self._longest))}
        other, dot, rest = name.partition(".")
        if dot:
            return self.actor(other).value(rest)
        return common[name] if name in common else actor.value(name)

    # Requests and answers.

    async def send(self, actor: Actor, text: str, connection: str = "") -> Request:
        """Send a body, with what it lacks filled in."""
        return await self.post(actor, self.completed(actor, text), connection)

    async def post(
        self,
        actor: Actor,
        text: str,
        connection: str = "",
        headers: dict[str, str] | None = None,
        version: str = "1.1",
    ) -> Request:
        """Send a request as it is."""
        connection = connection or actor.own_connection()
        self._narrate(f"{actor.name} on {connection} > {text}")
        sent = text.encode()
        try:
            async with asyncio.timeout(self.patience):
                answer = await self.connection(connection).post(sent, headers or {}, version)
        except TimeoutError:
            raise Failed(f"cannot connect within {self.patience:g} s") from None
        except OSError as error:
            raise Failed(f"cannot connect: {error}") from error
        request = Request(_rid(text), sent, connection, answer)
        actor.sends(request)
        return request

    async def answer(self, actor: Actor, request: Request) -> tuple[Response, Element | None]:
        """Wait for the answer, and read it. There is no element where it is no XML."""
        try:
            async with asyncio.timeout(self.patience):
                response = await asyncio.shield(request.answer)
        except TimeoutError:
            raise Failed(f"no answer came for {self.patience:g} s") from None
        except Closed as closed:
            why = str(closed) or "the connection was closed without an answer"
            raise Failed(why) from None
        text = response.body.decode(errors="replace")
        self._narrate(f"{actor.name} on {request.connection} < {response.status} {text}")
        element = self._element(response)
        actor.reads(request, element)
        return response, element

    def _element(self, response: Response) -> Element | None:
        """Raises Failed where there is more than an answer needs."""
        element = _element(response.body)
        if element is not None:
            _check_values(element)
            try:
                self._budget.spend(ELEMENT_SIZE * sum(1 for _ in element.iter()))
            except NoAnswer as no:
                raise Failed(str(no)) from None
        return element

    def rest(self, actor: Actor) -> int:
        """Seconds before the next empty request. Raises Skipped where they are too many."""
        return int(self.bounded(actor.rest()))

    def bounded(self, seconds: float) -> float:
        """Seconds that a script may wait. What a server announces may be anything."""
        if not 0 <= seconds <= self._longest + MAX_SLACK:
            raise Skipped(f"it would have to wait {seconds:g} s, see --longest")
        return seconds

    async def gather(
        self, actor: Actor, enough: Callable[[Sequence[Element]], bool]
    ) -> list[Element]:
        """Take answers in the order of their RIDs, and poll, until enough elements have come.

        A client that may not poll at once gets that much more time, for two polls.
        """
        came: list[Element] = []
        try:
            async with asyncio.timeout(self.patience + 2 * self.rest(actor)):
                while not enough(came):
                    came += await self._more(actor)
        except TimeoutError:
            raise Failed(f"no more came for {self.patience:g} s{_so_far(came)}") from None
        except Failed as failed:
            raise Failed(f"{failed}{_so_far(came)}") from failed
        return came

    async def _more(self, actor: Actor) -> list[Element]:
        """Return the content of the next answer. Without a request to be answered, send one."""
        request = actor.next_unread()
        if request is None:
            await asyncio.sleep(self.rest(actor))
            request = await self.send(actor, "<body/>")
        response, element = await self.answer(actor, request)
        if element is None or response.status != 200 or element.get("type") == "terminate":
            raise Failed(f"the session ended: {described(response)}")
        return list(element)

    async def end(self) -> None:
        """End the sessions that the script has left, and close all connections."""
        for connection in self._connections.values():
            await connection.close()
        await asyncio.gather(*(self._say_good_bye(actor) for actor in self._actors.values()))
        for connection in self._connections.values():
            await connection.close()

    async def _say_good_bye(self, actor: Actor) -> None:
        if not actor.sid:
            return
        with suppress(Failed, Closed, TimeoutError):
            async with asyncio.timeout(_GOOD_BYE):
                request = await self.send(actor, "<body type='terminate'/>")
                await asyncio.shield(request.answer)


def described(response: Response) -> str:
    """An answer in one line, for people."""
    element = _element(response.body)
    content = response.body.decode(errors="replace") if element is None else body.shown(element)
    content = content[: 10 * _ENOUGH]
    status = "" if response.status == 200 else f"status {response.status} "
    return f"{status}{textwrap.shorten(content, _ENOUGH) or 'no body'}"


def _check_values(element: Element) -> None:
    """Check the values of a session, which go into requests. Raises Failed if one is too long."""
    for name, value in element.items():
        if len(value) > MAX_VALUE:
            raise Failed(f"{body.short(name)[:100]} has more than {MAX_VALUE} characters")


def _so_far(came: Sequence[Element]) -> str:
    if not came:
        return ""
    shown = " ".join(body.shown(element) for element in came)
    return f"; until then came {textwrap.shorten(shown[: 10 * _ENOUGH], _ENOUGH)}"


def _element(content: bytes) -> Element | None:
    try:
        return body.element(content)
    except ValueError:
        return None


def _rid(text: str) -> int:
    """The RID in a body, or -1."""
    try:
        return int(body.element(text).get("rid", "-1"))
    except ValueError:
        return -1
