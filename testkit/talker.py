"""A user who always holds a request, over any of several links, as browsers do behind ECM."""

from collections.abc import Callable, Sequence
from random import Random
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ecm.link.events import Answered
from testkit.bosh_client import CLIENT
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser

_BODY = f".//{{{CLIENT}}}body"


class Talker:
    """Each request goes over a link at random that does not drain.

    ``stanzas`` are all that have come, ``faults`` whatever a client must not see: an answer other
    than 200, no answer, or the end of the session.
    """

    def __init__(self, name: str, links: Sequence[EcmEnd], random: Random) -> None:
        self.user = LinkUser(links[0], name)
        self.jid = self.user.jid
        self.stanzas: list[Element] = []
        self.faults: list[str] = []
        self.is_silent = False
        self._links = links
        self._random = random
        # By RID; and answers that have overtaken those to earlier requests, on another link.
        self._unanswered: dict[int, tuple[EcmEnd, str]] = {}
        self._early: dict[int, Answered] = {}
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    async def begin(self, *stanzas: str) -> None:
        """Log in on the first link, send these, and hold a request from now on."""
        await self.user.log_in()
        for stanza in stanzas:
            self._read(await self.user.ask(stanza))
        self.say()

    def say(self, payload: str = "") -> None:
        """Make a request."""
        self.user.session.rid += 1
        self._ask(self.user.session.rid, payload)

    def _ask(self, rid: int, payload: str) -> None:
        link = self._random.choice([link for link in self._links if not link.is_draining])
        self._unanswered[rid] = link, payload
        self.user.link = link
        answer = self.user.ask_as(rid, payload)
        answer.addCallback(self._answered, rid).addErrback(self._fail, rid)

    def repeat(self, lost: EcmEnd) -> None:
        """Make the requests again that a link has taken with it, as their client does."""
        for rid, (link, payload) in sorted(self._unanswered.items()):
            if link is lost:
                self._ask(rid, payload)

    def _read(self, answer: Answered) -> None:
        if answer.status != 200 or b"type='terminate'" in answer.body:
            self.faults.append(f"{answer.status} {answer.body.decode()}")
            self.is_silent = True
        self.stanzas += list(ElementTree.fromstring(answer.body))
        due = [waiter for waiter in self._waiting if waiter[0]()]
        for waiter in due:
            self._waiting.remove(waiter)
            waiter[1].callback(None)

    def _answered(self, answer: Answered, rid: int) -> None:
        del self._unanswered[rid]
        self._early[rid] = answer
        for each in sorted(self._early):
            if each < min(self._unanswered, default=each + 1):
                self._read(self._early.pop(each))
        if not self.is_silent and not self._unanswered:
            self.say()

    def _fail(self, failure: Failure, rid: int) -> None:
        self._unanswered.pop(rid, None)
        self.faults.append(str(failure.value))
        self.is_silent = True

    @property
    def texts(self) -> list[str]:
        """The texts of the messages that have come."""
        return [text(message) for message in self.messages]

    @property
    def messages(self) -> list[Element]:
        return [stanza for stanza in self.stanzas if stanza.tag == f"{{{CLIENT}}}message"]

    @property
    def presences(self) -> list[Element]:
        return [stanza for stanza in self.stanzas if stanza.tag == f"{{{CLIENT}}}presence"]

    def has_got(self, messages: int) -> Deferred[None]:
        """Fires when so many messages have come."""
        return self._until(lambda: len(self.texts) >= messages)

    def gets(self, what: str) -> Deferred[None]:
        """Fires when a message with this text has come."""
        return self._until(lambda: what in self.texts)

    def sees(self, jid: str, kind: str | None = None) -> Deferred[None]:
        """Fires when the last presence of a full JID is of this kind; available presence has none.

        Whoever sends a presence may have its answer before: they come in different ways.
        """
        return self._until(lambda: self._last_presence(jid) == [kind])

    def _last_presence(self, jid: str) -> list[str | None]:
        return [each.get("type") for each in self.presences if each.get("from") == jid][-1:]

    def _until(self, is_so: Callable[[], bool]) -> Deferred[None]:
        so: Deferred[None] = Deferred()
        if is_so():
            so.callback(None)
        else:
            self._waiting.append((is_so, so))
        return so


def text(stanza: Element) -> str:
    """Return the text of a message, also that of one inside it."""
    body = stanza.find(_BODY)
    return "" if body is None else body.text or ""
