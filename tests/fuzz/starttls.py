"""Any bytes where a client should ask for STARTTLS. What is taken, expat takes, too."""

from xml.parsers.expat import ParserCreate

from ecm.limits import MAX_BEFORE_TLS
from ecm.xmpp.errors import END
from ecm.xmpp.starttls import StartTls, Step
from tests.fuzz.target import Target, pieces

PROCEED = b"<proceed "


def starttls(data: bytes) -> None:
    """The same in pieces, one answer that is XML, and nothing of before TLS behind it."""
    whole = _told([data])
    assert whole.begins == (PROCEED in whole.reply)
    parts = pieces(data)
    if PROCEED not in whole.reply + _told(parts).reply:
        assert _told(parts) == whole
        _check_xml(whole.reply if whole.ends else whole.reply + END)
    if PROCEED in whole.reply:
        assert not (whole.fault or whole.ends)
        _check_xml(data + END)


def _check_xml(data: bytes) -> None:
    if data != END:
        ParserCreate("UTF-8").Parse(data, True)


def _told(parts: list[bytes]) -> Step:
    stream, steps = StartTls("an-id"), list[Step]()
    for part in parts:
        steps.append(stream.receive(part))
        assert stream.held <= MAX_BEFORE_TLS
    return Step(
        b"".join(each.reply for each in steps),
        any(each.begins for each in steps),
        any(each.ends for each in steps),
        "".join(each.fault for each in steps),
    )


TARGETS = {"starttls": Target(starttls, MAX_BEFORE_TLS + 64)}
