"""A user who always holds a request, over any of several links, as browsers do behind ECM."""

from collections.abc import Sequence
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
        self._unanswered = 0
        self._waiting: list[tuple[int, Deferred[None]]] = []

    async def begin(self, *stanzas: str) -> None:
        """Log in on the first link, send these, and hold a request from now on."""
        await self.user.log_in()
        for stanza in stanzas:
            self._read(await self.user.ask(stanza))
        self.say()

    def say(self, payload: str = "") -> None:
        """Make a request."""
        self._unanswered += 1
        self.user.link = self._random.choice([link for link in self._links if not link.is_draining])
        self.user.ask(payload).addCallbacks(self._read, self._fail).addCallback(self._go_on)

    def _read(self, answer: Answered) -> None:
        if answer.status != 200 or b"type='terminate'" in answer.body:
            self.faults.append(f"{answer.status} {answer.body.decode()}")
            self.is_silent = True
        self.stanzas += list(ElementTree.fromstring(answer.body))
        due = [waiter for waiter in self._waiting if waiter[0] <= len(self.texts)]
        for waiter in due:
            self._waiting.remove(waiter)
            waiter[1].callback(None)

    def _fail(self, failure: Failure) -> None:
        self.faults.append(str(failure.value))
        self.is_silent = True

    def _go_on(self, _: None) -> None:
        self._unanswered -= 1
        if not self.is_silent and self._unanswered == 0:
            self.say()

    @property
    def texts(self) -> list[str]:
        """The texts of the messages that have come."""
        return [text(stanza) for stanza in self.stanzas if stanza.tag == f"{{{CLIENT}}}message"]

    @property
    def presences(self) -> list[Element]:
        return [stanza for stanza in self.stanzas if stanza.tag == f"{{{CLIENT}}}presence"]

    def has_got(self, messages: int) -> Deferred[None]:
        """Fires when so many messages have come."""
        got: Deferred[None] = Deferred()
        if len(self.texts) >= messages:
            got.callback(None)
        else:
            self._waiting.append((messages, got))
        return got


def text(stanza: Element) -> str:
    """Return the text of a message, also that of one inside it."""
    body = stanza.find(_BODY)
    return "" if body is None else body.text or ""
