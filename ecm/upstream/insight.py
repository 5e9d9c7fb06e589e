"""Insight into the nodes of ejabberd: the numbers that they tell, and sessions as asked for."""

from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, succeed

from ecm.limits import INSPECT_TIMEOUT, MAX_QUESTIONS
from ecm.link import insight
from ecm.link.events import Inspected
from ecm.link.message import ContentError
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.nodes import Nodes

# Why there is no answer.
NO_LINK: Final = "ECM has no link to ejabberd at the moment"
UNKNOWN: Final = "this mod_ecm does not know the question: update it"
MALFORMED: Final = "give one JID, SID or ID"
TOO_MANY: Final = "too many questions wait for their answers"
NO_ANSWER: Final = f"ejabberd has not answered within {INSPECT_TIMEOUT} seconds"

# The codes of ``inspected`` in words.
_CODES: Final = {
    "not-found": "there is no such session",
    "not-here": "no session of this node has a request or a stream there",
    "elsewhere": "another server has that session, or a listener that is not mod_ecm's",
    "busy": "ejabberd answers as many questions as it can",
    "malformed": "ejabberd does not understand the question",
}

# A link over which ejabberd can be asked now.
_CONNECTED: Final = (LinkStatus.WRITABLE, LinkStatus.CONGESTED, LinkStatus.DRAINING)


@attrs.define(eq=False)
class _Question:
    """A question that waits for its answer, asked over a link."""

    node: str
    until: float
    answered: Deferred[dict[str, Any]]


class Insight:
    """Asks nodes about sessions, and has the numbers that they have told."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._questions: dict[str, _Question] = {}
        self._number = 0
        self._now = 0.0

    @property
    def node_stats(self) -> dict[str, dict[str, int]]:
        """The numbers that each node has told last, by its name, while there is a link to it."""
        links = self._nodes.links
        return {link.node: link.numbers for link in links if link.numbers}

    def inspect(self, jid: str = "", sid: str = "", id: int = 0) -> Deferred[dict[str, Any]]:
        """Ask ejabberd about the sessions of a JID, a SID, or the connection of a client.

        ``id`` is the number of that connection on its link. The answer comes within INSPECT_TIMEOUT
        seconds, and is no failure: it has ``sessions``, the fields of each by name; ``more``, the
        number of those that are left out; ``node``, which has answered; and ``why``, a text that
        says why there are none, or empty.
        """
        link = self._link(id)
        if link is None or not link.tells:
            there = link or self._link(0)
            return succeed(_none(NO_LINK if there is None else UNKNOWN, there))
        if len(self._questions) >= MAX_QUESTIONS:
            return succeed(_none(TOO_MANY, link))
        token = str(self._number + 1)
        try:
            content = insight.question(token, jid, sid, id)
        except ContentError:
            return succeed(_none(MALFORMED, link))
        self._number += 1
        answered: Deferred[dict[str, Any]] = Deferred()
        self._questions[token] = _Question(link.node, self._now + INSPECT_TIMEOUT, answered)
        link.queue.say(content)
        return answered

    def inspected(self, answer: Inspected) -> None:
        """ejabberd has answered. It may be too late, or wrong about the question."""
        question = self._questions.pop(answer.token, None)
        if question is None:
            return
        question.answered.callback(
            {
                "node": question.node,
                "sessions": answer.sessions,
                "more": answer.more,
                "why": _CODES.get(answer.why, answer.why),
            }
        )

    def tick(self, now: float) -> None:
        """Let no question wait for too long. Its link may have gone."""
        self._now = now
        for token, question in tuple(self._questions.items()):
            if now >= question.until:
                del self._questions[token]
                question.answered.callback(_none(NO_ANSWER, None, question.node))

    def _link(self, id: int) -> Link | None:
        """Return the link of an ID, or one over which any session can be asked for."""
        links = [link for link, status in self._nodes.links.items() if status in _CONNECTED]
        if id:
            links = [link for link in links if link.slot == id % self._nodes.number]
        return max(links, key=lambda link: link.tells, default=None)


def _none(why: str, link: Link | None, node: str = "") -> dict[str, Any]:
    return {"node": link.node if link else node, "sessions": [], "more": 0, "why": why}
