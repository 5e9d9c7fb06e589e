"""Plays a script on a stage, one statement after the other."""

import asyncio
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from conformance import body, session
from conformance.actor import Actor, Request
from conformance.connection import Closed
from conformance.errors import Failed, Skipped
from conformance.matcher import content_differences, differences, items
from conformance.pattern import matches
from conformance.response import Response
from conformance.script import (
    Expected,
    HangUp,
    IsClosed,
    LogIn,
    Need,
    OpenSession,
    PollFor,
    Receive,
    ReceiveAgain,
    ReceiveNothing,
    Repeat,
    Send,
    Spoken,
    Statement,
    Times,
    Wait,
)
from conformance.stage import Stage, described


class FailedAt(Failed):
    """Failed, with the statement that was played."""

    def __init__(self, statement: Statement, why: Failed) -> None:
        super().__init__(str(why))
        self.statement = statement


async def play(stage: Stage, statements: Sequence[Statement]) -> None:
    """Raises FailedAt, or Skipped."""
    for statement in statements:
        try:
            await _play(stage, statement)
        except FailedAt:
            raise
        except Failed as failed:
            raise FailedAt(statement, failed) from failed


async def _play(stage: Stage, statement: Statement) -> None:
    match statement:
        case Times(number=number, statements=inner):
            for _ in range(number):
                await play(stage, inner)
        case Spoken(actor=name):
            await _speak(stage, stage.actor(name), statement)


async def _speak(stage: Stage, actor: Actor, statement: Spoken) -> None:
    match statement:
        case Send():
            await _send(stage, actor, statement)
        case Repeat(rid=rid):
            again = _sent(stage, actor, rid)
            await stage.post(actor, again.body.decode(), statement.connection)
        case Receive():
            await _receive(stage, actor, statement)
        case ReceiveAgain(rid=rid):
            await _receive_again(stage, actor, statement)
        case ReceiveNothing(seconds=seconds):
            await _receive_nothing(actor, statement.connection, _seconds(stage, actor, seconds))
        case Wait(seconds=seconds):
            await asyncio.sleep(_seconds(stage, actor, seconds))
        case PollFor():
            await _poll_for(stage, actor, statement)
        case OpenSession(attributes=attributes):
            await session.open_session(stage, actor, _expanded(stage, actor, attributes))
        case LogIn(resource=resource, attributes=attributes):
            await session.log_in(stage, actor, resource, _expanded(stage, actor, attributes))
        case HangUp(connection=connection):
            await stage.connection(connection or actor.name).close()
            actor.loses(connection or actor.name)
        case IsClosed(connection=connection):
            await _is_closed(stage, connection or actor.name)
        case Need():
            _need(stage, actor, statement)
        case _:
            raise TypeError(f"nobody plays {statement}")


async def _send(stage: Stage, actor: Actor, statement: Send) -> None:
    text = stage.expand_xml(actor, statement.body)
    if not statement.literal:
        text = stage.completed(actor, text)
    headers = _expanded(stage, actor, statement.headers)
    await stage.post(actor, text, statement.connection, headers, statement.version)


async def _receive(stage: Stage, actor: Actor, statement: Receive) -> None:
    response, element = await stage.answer(actor, _unread(actor, statement.connection))
    found: list[str] = []
    for expected in statement.answers:
        wrong = _differences(stage, actor, expected, response, element)
        if not wrong:
            return
        found += ["or:"] * bool(found) + wrong
    raise Failed("\n".join([*found, f"came: {described(response)}"]))


def _differences(
    stage: Stage, actor: Actor, expected: Expected, response: Response, element: Element | None
) -> list[str]:
    if response.status != expected.status:
        return [f"expected status {expected.status}, came {response.status}"]
    found = []
    for name, pattern in _expanded(stage, actor, expected.headers).items():
        value = response.headers.get(name.lower())
        if not matches(pattern, value):
            found.append(f"{name}: expected '{pattern}', came {value!r}")
    if expected.xml and element is None:
        return [*found, "expected XML"]
    if expected.xml and element is not None:
        found += differences(_pattern(stage, actor, expected.xml), element)
    return found


async def _receive_again(stage: Stage, actor: Actor, statement: ReceiveAgain) -> None:
    first = _sent(stage, actor, statement.rid)
    response, _ = await stage.answer(actor, _unread(actor, statement.connection))
    if not first.answer.done():
        raise Failed("the first request has not been answered")
    before = first.answer.result()
    if (response.status, response.body) != (before.status, before.body):
        raise Failed(f"expected again: {described(before)}\ncame: {described(response)}")


async def _receive_nothing(actor: Actor, connection: str, seconds: float) -> None:
    request = _unread(actor, connection)
    done, _ = await asyncio.wait([request.answer], timeout=seconds)
    if not done:
        return
    try:
        came = described(request.answer.result())
    except Closed as closed:
        came = str(closed) or "the end of the connection"
    raise Failed(f"expected nothing for {seconds:g} s, came: {came}")


async def _poll_for(stage: Stage, actor: Actor, statement: PollFor) -> None:
    pattern = _pattern(stage, actor, f"<body>{statement.elements}</body>")
    wanted = list(items(pattern))

    def enough(came: Sequence[Element]) -> bool:
        too_many = None not in wanted and len(came) >= len(wanted)
        return too_many or not content_differences(wanted, came, "")

    came = await stage.gather(actor, enough)
    if wrong := content_differences(wanted, came, ""):
        raise Failed("\n".join([*wrong, f"came: {' '.join(map(body.shown, came))}"]))


async def _is_closed(stage: Stage, connection: str) -> None:
    try:
        async with asyncio.timeout(stage.patience):
            await stage.connection(connection).closed.wait()
    except TimeoutError:
        raise Failed(f"the connection was still open after {stage.patience:g} s") from None


def _need(stage: Stage, actor: Actor, need: Need) -> None:
    value = actor.value(need.attribute)
    if (value is not None) != need.present:
        raise Skipped(f"the server announces {'no ' if need.present else ''}{need.attribute!r}")
    for limit, sign in ((need.least, 1), (need.most, -1)):
        if limit and sign * _number(value or "") < sign * _number(stage.expand(actor, limit)):
            bound = f"{_bound(sign)} {stage.expand(actor, limit)}"
            raise Skipped(f"{need.attribute} is {value}, and must be {bound}")


def _bound(sign: int) -> str:
    return "at least" if sign > 0 else "at most"


def _pattern(stage: Stage, actor: Actor, text: str) -> Element:
    return body.element(body.completed(stage.expand_xml(actor, text), {}))


def _expanded(stage: Stage, actor: Actor, texts: dict[str, str]) -> dict[str, str]:
    return {name: stage.expand(actor, text) for name, text in texts.items()}


def _unread(actor: Actor, connection: str) -> Request:
    request = actor.next_unread(connection)
    if request is None:
        raise Failed("there is no request here that could be answered")
    return request


def _sent(stage: Stage, actor: Actor, rid: str) -> Request:
    number = int(_number(stage.expand(actor, rid)))
    request = actor.sent(number)
    if request is None:
        raise Failed(f"no request with the RID {number} was sent")
    return request


def _seconds(stage: Stage, actor: Actor, text: str) -> float:
    return stage.bounded(_number(stage.expand(actor, text)))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Failed(f"'{text}' is not a number") from None
