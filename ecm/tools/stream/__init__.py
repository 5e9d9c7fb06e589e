"""A sans-IO client of XMPP streams: over WebSocket (RFC 7395) and over TCP (RFC 6120).

The swarm drives it with epoll. The steps of a login are those of ``ecm.tools.bosh``.
"""
