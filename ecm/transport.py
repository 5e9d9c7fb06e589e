"""What both sides need of Twisted's transports."""

from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport


class IStreamTransport(ITCPTransport, IPushProducer, IConsumer):
    """What Twisted's stream transports are, TCP and TLS alike."""
