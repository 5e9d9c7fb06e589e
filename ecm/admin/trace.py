"""The trace of an address: its next requests, a line of JSON each, as they are answered."""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ecm.admin.asked import Asked, Reply, Write, refused
from ecm.admin.routes import Route
from ecm.limits import MAX_TIMEOUT, TRACE_TIME
from ecm.operated import Operated
from ecm.questions import TRACE, Words

_log = Logger()

_LINES: Final = "application/x-ndjson"


class Trace:
    """Traces one address at a time, for an operator who reads along.

    All processes are asked once a second. That goes for those that start meanwhile, too.
    """

    def __init__(self, ecm: Operated, clock: IReactorTime) -> None:
        self._ecm = ecm
        self._clock = clock
        self._is_busy = False

    def routes(self) -> Mapping[str, Route]:
        """Return the route of the trace."""
        return {"/trace": Route(self.begin, "POST")}

    def begin(self, ecm: Operated, asked: Asked) -> Reply:
        """Trace ?address= for so many seconds (?for=); the reply goes on until then."""
        address = _address(asked.query.get("address", ""))
        seconds = asked.number("for", TRACE_TIME, MAX_TIMEOUT)
        if self._is_busy:
            return refused(HTTPStatus.CONFLICT, "there is a trace already: wait for its end")
        _log.info("operator: trace of {address} for {seconds} s", address=address, seconds=seconds)

        def follow(write: Write) -> Deferred[None]:
            return Deferred.fromCoroutine(self._follow(address, seconds, write))

        return Reply(HTTPStatus.OK, b"", _LINES, follow=follow)

    async def _follow(self, address: str, seconds: int, write: Write) -> None:
        self._is_busy = True
        until = self._clock.seconds() + seconds
        try:
            while (left := until - self._clock.seconds()) > 0:
                write(_lines(await self._ask(address, int(left) + 1)))
                await deferLater(self._clock, min(1, left))
            write(_lines(await self._ask(address, 0)))
        except CancelledError:  # the operator has gone
            self._ask(address, 0)
        finally:
            self._is_busy = False

    def _ask(self, address: str, seconds: int) -> Deferred[list[Words]]:
        return self._ecm.ask({TRACE: {"address": address, "seconds": seconds}})


def _address(text: str) -> str:
    """Return an IP address as it is written. Raises ValueError."""
    try:
        address = f"{ip_address(text)}"
    except ValueError:
        address = ""
    # The zone behind a % may be anything, and goes to the log.
    if not re.fullmatch(r"[0-9A-Fa-f.:]+(%[\w.-]+)?", address, re.ASCII):
        raise ValueError("give ?address= with the IP address of a client")
    return address


def _lines(answers: Sequence[Words]) -> bytes:
    found: list[Words] = [
        {"process": answer["process"], **each}
        for answer in answers
        for each in answer.get("requests", ())
    ]
    found.sort(key=lambda each: float(each["time"]))
    if missed := sum(answer.get("missed", 0) for answer in answers):
        found.append({"missed": missed})
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)
