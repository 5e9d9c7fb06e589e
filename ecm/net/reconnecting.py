"""A service that keeps a connection, and logs its attempts for those alone who debug."""

from twisted.application.internet import ClientService
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, globalLogPublisher
from zope.interface import provider


@provider(ILogObserver)
def _for_debugging(event: LogEvent) -> None:
    globalLogPublisher({**event, "log_level": LogLevel.debug})


class QuietClientService(ClientService):
    """Twisted's, with its line for each attempt at the level ``debug``.

    While ejabberd is down, there is more than one a second, for each node and in each worker. The
    endpoint should say why there is no connection.
    """

    _log = Logger(observer=_for_debugging)
