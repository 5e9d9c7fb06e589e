"""A service that keeps a connection, and does not log each attempt."""

from twisted.application.internet import ClientService
from twisted.logger import Logger, LogPublisher


class QuietClientService(ClientService):
    """Twisted's, without its line in the log for each attempt.

    While ejabberd is down, there is more than one a second, for each node and in each worker. The
    endpoint should say why there is no connection.
    """

    _log = Logger(observer=LogPublisher())  # without observers
