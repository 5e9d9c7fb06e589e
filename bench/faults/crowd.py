"""The users of a run, in a process of their own."""

import json
import time
from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread
from typing import Any, Self

from bench.faults.messages import Report, Result, Task
from ecm.tools.errors import ToolError
from testkit.servers.process import python

_ANSWERS = 60.0  # seconds for the result
_LOOK = 0.1  # seconds between two looks at what the users report


class Crowd:
    """``last`` is what they have reported last. It runs to the end of the ``with`` block."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._process = python("bench.faults.users")
        self._results: Queue[Result] = Queue()
        self.last = Report(*(0,) * len(Report._fields))
        self.reports = 0

    def __enter__(self) -> Self:
        self._process.start()
        self._write(self._task._asdict())
        Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def tell(self, do: str, **arguments: Any) -> None:
        """Give them a command (users.Users)."""
        self._write({"do": do, **arguments})

    def _write(self, told: dict[str, Any]) -> None:
        self._process.say(json.dumps(told))

    def _listen(self) -> None:
        for line in self._process.lines():
            told = json.loads(line)
            if "result" in told:
                self._results.put(told["result"])
            else:
                self.last = Report(**told)
                self.reports += 1

    def result(self) -> Result:
        """Return what came of it all. Raises ToolError."""
        self.tell("result")
        try:
            return self._results.get(timeout=_ANSWERS)
        except Empty:
            self._process.check()
            raise ToolError("the users of the lab do not answer") from None

    def until(
        self, done: Callable[[Report], bool], timeout: float, tell: Callable[[Report], None]
    ) -> bool:
        """Wait until something is so in a report that begins from now on, and say whether it is
        after ``timeout`` seconds. Raises ProcessFailed."""
        first = self.reports + 2
        return self.wait(lambda: self.reports >= first and done(self.last), timeout, tell)

    def wait(
        self, done: Callable[[], bool], timeout: float, tell: Callable[[Report], None]
    ) -> bool:
        """The same of anything. Raises ProcessFailed."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._process.check()
            if done():
                return True
            tell(self.last)
            time.sleep(_LOOK)
        return False
