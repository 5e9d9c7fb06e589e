"""Reads a script.

Three headers (``xep``, ``level``, ``why``), an empty line, and statements, one a line. What is
indented below a statement belongs to it: a body, or, below ``N times``, statements.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from textwrap import dedent

from conformance import body
from conformance.errors import ScriptError
from conformance.script import (
    Expected,
    HangUp,
    IsClosed,
    Level,
    LogIn,
    Need,
    OpenSession,
    PollFor,
    Receive,
    ReceiveAgain,
    ReceiveNothing,
    Repeat,
    Script,
    Send,
    Spoken,
    Statement,
    Times,
    Wait,
)

HEADERS = ("xep", "level", "why")

_HEADER = re.compile(r"(\w+): *(.*)")
_HTTP_HEADER = re.compile(r"([A-Za-z-]+): *(.*)")
_ATTRIBUTE = re.compile(r"([\w:]+)='([^']*)'")


@dataclass(frozen=True)
class Line:
    """A line that is not indented, its number, and the lines that are indented below it."""

    number: int
    text: str
    below: list[tuple[int, str]]

    def block(self) -> str:
        return dedent("\n".join(text for _, text in self.below)).strip()


def parse(name: str, text: str) -> Script:
    """Read the script of this name. Raises ScriptError."""
    numbered = list(enumerate(text.splitlines(), 1))
    end = next((place for place, line in numbered if not line.strip()), len(numbered))
    headers = _headers(numbered[:end])
    statements = _statements(numbered[end:])
    if not statements:
        raise ScriptError(len(numbered), "nothing is played")
    return Script(name, headers["xep"], _level(headers["level"]), headers["why"], statements)


def _headers(numbered: list[tuple[int, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _lines(numbered):
        header = _HEADER.fullmatch(line.text)
        if header is None or header[1] not in HEADERS:
            raise ScriptError(line.number, f"a header is one of {', '.join(HEADERS)}")
        found[header[1]] = " ".join([header[2], *line.block().split()]).strip()
    for header_name in HEADERS:
        if not found.get(header_name):
            raise ScriptError(1, f"the header {header_name!r} is missing")
    return found


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        raise ScriptError(1, f"a level is one of {', '.join(Level)}, not {text!r}") from None


def _lines(numbered: list[tuple[int, str]]) -> list[Line]:
    """Join what is indented to the line above it; leave out empty lines and comments."""
    lines: list[Line] = []
    for number, text in numbered:
        if not text.strip() or text.startswith("#"):
            continue
        if not text[0].isspace():
            lines.append(Line(number, text.strip(), []))
        elif lines:
            lines[-1].below.append((number, text))
        else:
            raise ScriptError(number, "this is indented, and there is nothing above it")
    return lines


def _statements(numbered: list[tuple[int, str]]) -> list[Statement]:
    statements: list[Statement] = []
    for line in _lines(numbered):
        if line.text == "or" or line.text.startswith("or "):
            statements[-1:] = [_with_alternative(line, statements[-1:])]
        else:
            statements.append(_statement(line))
    return statements


def _with_alternative(line: Line, before: list[Statement]) -> Receive:
    if not before or not isinstance(before[0], Receive):
        raise ScriptError(line.number, "'or' goes on with 'receives', which is not above it")
    expected = _expected(line, line.text.removeprefix("or").strip())
    return replace(before[0], answers=[*before[0].answers, expected])


def _statement(line: Line) -> Statement:
    for pattern, make in _KINDS:
        said = pattern.fullmatch(line.text)
        if said is not None:
            return make(line, said)
    raise ScriptError(line.number, f"not understood: {line.text}")


# One function for each kind of statement.


def _who(line: Line, said: re.Match[str]) -> tuple[int, str, str, str]:
    """The fields that every spoken statement begins with."""
    return line.number, line.text, said["actor"], said["connection"] or ""


def _send(line: Line, said: re.Match[str]) -> Send:
    headers, text = _headers_and_body(line)
    literal = said["verb"] == "posts"
    if not literal:
        _check(line, text)
    return Send(*_who(line, said), said["version"] or "1.1", headers, text, literal)


def _receive(line: Line, said: re.Match[str]) -> Receive:
    return Receive(*_who(line, said), [_expected(line, said["status"] or "")])


def _expected(line: Line, status: str) -> Expected:
    if status and not re.fullmatch("[0-9]{3}", status):
        raise ScriptError(line.number, f"a status of HTTP has three digits: {status}")
    headers, text = _headers_and_body(line)
    if text:
        _check(line, text)
    elif not status and not headers:
        raise ScriptError(line.number, "what is received must be indented below this")
    return Expected(int(status or 200), headers, text)


def _poll_for(line: Line, said: re.Match[str]) -> PollFor:
    if not line.below:
        raise ScriptError(line.number, "what is polled for must be indented below this")
    _check(line, f"<body>{line.block()}</body>")
    return PollFor(*_who(line, said), line.block())


def _open_session(line: Line, said: re.Match[str]) -> OpenSession:
    return OpenSession(*_who(line, said), _attributes(line, said["attributes"]))


def _log_in(line: Line, said: re.Match[str]) -> LogIn:
    attributes = _attributes(line, said["attributes"])
    return LogIn(*_who(line, said), said["resource"] or "", attributes)


def _need(line: Line, said: re.Match[str]) -> Need:
    bound = {said["bound"] or "": said["number"] or ""}
    least, most = bound.get("at least", ""), bound.get("at most", "")
    return Need(*_who(line, said), said["attribute"], not said["no"], least, most)


def _times(line: Line, said: re.Match[str]) -> Times:
    below = dedent("\n".join(text for _, text in line.below)).splitlines()
    numbers = (number for number, _ in line.below)
    inner = _statements(list(zip(numbers, below, strict=True)))
    if not inner:
        raise ScriptError(line.number, "what is repeated must be indented below this")
    return Times(line.number, line.text, int(said["number"]), inner)


def _attributes(line: Line, text: str | None) -> dict[str, str]:
    if _ATTRIBUTE.sub("", text or "").strip():
        raise ScriptError(line.number, f"attributes are written name='value': {text}")
    return dict(_ATTRIBUTE.findall(text or ""))


def _headers_and_body(line: Line) -> tuple[dict[str, str], str]:
    """The block: headers of HTTP, if there are any, and then the body."""
    lines = line.block().splitlines()
    headers = dict(_leading_headers(lines))
    return headers, "\n".join(lines[len(headers) :])


def _leading_headers(lines: list[str]) -> Iterator[tuple[str, str]]:
    for text in lines:
        header = _HTTP_HEADER.fullmatch(text)
        if header is None:
            return
        yield header[1], header[2]


def _check(line: Line, text: str) -> None:
    try:
        body.element(body.completed(text, {}))
    except ValueError as error:
        raise ScriptError(line.number, str(error)) from None


_ACTOR = r"(?P<actor>[a-z]+(/[a-z]+)?)(?: on (?P<connection>\w+))? "
_WITH = r"(?: with (?P<attributes>.*))?"
_SECONDS = r"(?P<seconds>\S+) s"


def _spoken(
    kind: Callable[..., Spoken], *fields: str
) -> Callable[[Line, re.Match[str]], Statement]:
    """For a kind of statement whose other fields are groups of the pattern."""
    return lambda line, said: kind(*_who(line, said), *(said[name] for name in fields))


_KINDS: list[tuple[re.Pattern[str], Callable[[Line, re.Match[str]], Statement]]] = [
    (re.compile(pattern), make)
    for pattern, make in [
        (_ACTOR + r"(?P<verb>sends|posts)(?: over HTTP/(?P<version>1\.[01]))?", _send),
        (_ACTOR + r"repeats (?P<rid>\{.+\})", _spoken(Repeat, "rid")),
        (_ACTOR + r"receives nothing for " + _SECONDS, _spoken(ReceiveNothing, "seconds")),
        (_ACTOR + r"receives the answer to (?P<rid>\S+) again", _spoken(ReceiveAgain, "rid")),
        (_ACTOR + r"receives(?: (?P<status>[0-9]+))?", _receive),
        (_ACTOR + r"polls for", _poll_for),
        (_ACTOR + r"opens a session" + _WITH, _open_session),
        (_ACTOR + r"logs in(?: as (?P<resource>\w+))?" + _WITH, _log_in),
        (_ACTOR + r"hangs up", _spoken(HangUp)),
        (_ACTOR + r"sees it close", _spoken(IsClosed)),
        (
            _ACTOR + r"needs (?P<no>no )?(?P<attribute>[\w:]+)"
            r"(?: (?P<bound>at least|at most) (?P<number>\S+))?",
            _need,
        ),
        (_ACTOR + r"waits " + _SECONDS, _spoken(Wait, "seconds")),
        (r"(?P<number>[0-9]+) times", _times),
    ]
]
