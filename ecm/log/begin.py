"""The beginning of a log: in the process of twistd, or in a worker."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from twisted.logger import ILogObserver, globalLogBeginner
from twisted.python.logfile import LogFile

from ecm.errors import StartupError
from ecm.log import settings as names
from ecm.log.file import opened
from ecm.log.formats import Format, as_journal, as_json, as_text
from ecm.log.level import THRESHOLD, Levels
from ecm.log.observer import Observer, say_missed
from ecm.log.output import Output
from ecm.log.settings import LogSettings
from ecm.net.reactor import ReactorCore

_FORMATS: Final = {names.TEXT: as_text, names.JOURNAL: as_journal, names.JSON: as_json}

_STDOUT: Final = 1
_STDERR: Final = 2


def of_twistd(
    settings: LogSettings, twistd: Mapping[str, Any], reactor: ReactorCore
) -> tuple[ILogObserver | None, LogFile | None]:
    """Return the observer of this process's log, and the file that it writes to.

    ``twistd`` are the options of twistd itself. The observer is None where the log is left to
    twistd (--syslog), and the file where the log goes to stdout. Raises StartupError.
    """
    THRESHOLD.set(settings.level)
    name = twistd.get("logfile") or ("-" if twistd.get("nodaemon") else "twistd.log")
    if twistd.get("syslog"):
        return None, None
    if name != "-":
        file = opened(name)
        return Observer(_FORMATS.get(settings.format, as_text), file.write), file
    if not twistd.get("nodaemon"):
        raise StartupError("a daemon has no stdout for --logfile=-; give -n, or a file")
    form, stdout = _form_on_stdout(settings.format)
    return Observer(form, _output(stdout, reactor).line), None


def of_worker(levels: Levels, reactor: ReactorCore) -> Output:
    """Begin the log of a worker: the supervisor reads it from its stdout. Returns the output.

    The levels are those that the supervisor has at the moment.
    """
    THRESHOLD.take(levels, reactor)
    output = Output(_STDOUT, say_missed, reactor)
    observer = Observer(as_json, output.line)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
    return output


def _form_on_stdout(form: str) -> tuple[Format, int]:
    """Return the format for stdout; or for stderr, where that alone is the journal."""
    if form != names.AUTO:
        return _FORMATS[form], _STDOUT
    for file in (_STDOUT, _STDERR):
        if _is_journal(file, os.environ):
            return as_journal, file
    return as_text, _STDOUT


def _is_journal(file: int, environment: Mapping[str, str]) -> bool:
    """Return whether a file is the journal of systemd (systemd.exec(5), JOURNAL_STREAM)."""
    with suppress(OSError):
        found = os.fstat(file)
        return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


def _output(file: int, reactor: ReactorCore) -> Output:
    """Return the output of this process, which is written before the process ends."""
    output = Output(file, say_missed, reactor)
    reactor.addSystemEventTrigger("after", "shutdown", output.finish)
    return output
