"""The statements of a script."""

from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """The requirement level of what the script shows, as the XEP words it."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"

    @property
    def counts(self) -> bool:
        """True if a failure is the failure of the run."""
        return self is not Level.MAY


@dataclass(frozen=True)
class Expected:
    """One answer that is fine: ``status`` of HTTP, patterns of headers, and a pattern of XML.

    No XML means that what the answer has for a body does not matter.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    xml: str = ""


@dataclass(frozen=True)
class Statement:
    """One line of the play, with what is indented below it. ``text`` is the line itself."""

    line: int
    text: str


@dataclass(frozen=True)
class Spoken(Statement):
    """A statement of an actor. Without a connection it is one of the actor's own."""

    actor: str
    connection: str


@dataclass(frozen=True)
class Send(Spoken):
    """Send a request. What the body lacks is filled in, unless it is ``literal``."""

    version: str
    headers: dict[str, str]
    body: str
    literal: bool


@dataclass(frozen=True)
class Repeat(Spoken):
    """Send an exact copy of the request that had this RID."""

    rid: str


@dataclass(frozen=True)
class Receive(Spoken):
    """The next unread answer, on the connection or in the order of RIDs, is one of these."""

    answers: list[Expected]


@dataclass(frozen=True)
class ReceiveAgain(Spoken):
    """The next unread answer has the same bytes as the one to the request with this RID."""

    rid: str


@dataclass(frozen=True)
class ReceiveNothing(Spoken):
    """No answer comes for so many seconds."""

    seconds: str


@dataclass(frozen=True)
class PollFor(Spoken):
    """These elements come, in this order and no others, in however many answers."""

    elements: str


@dataclass(frozen=True)
class OpenSession(Spoken):
    """Create a session and wait for the features of the stream."""

    attributes: dict[str, str]


@dataclass(frozen=True)
class LogIn(Spoken):
    """Create a session, authenticate, and bind this resource, or one that nobody else has."""

    resource: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class HangUp(Spoken):
    """Close the connection. What comes on it is lost."""


@dataclass(frozen=True)
class IsClosed(Spoken):
    """The server closes the connection."""


@dataclass(frozen=True)
class Need(Spoken):
    """Skip the rest unless the session has this attribute, with a number between these."""

    attribute: str
    present: bool
    least: str
    most: str


@dataclass(frozen=True)
class Wait(Spoken):
    """Do nothing for so many seconds."""

    seconds: str


@dataclass(frozen=True)
class Times(Statement):
    """All this, so many times."""

    number: int
    statements: list[Statement]


@dataclass(frozen=True)
class Script:
    """``name`` is the path below the folder of scripts, without the ending; ``xep`` is where the
    XEP says what the script shows, and ``why`` one sentence on what is shown.
    """

    name: str
    xep: str
    level: Level
    why: str
    statements: list[Statement]
