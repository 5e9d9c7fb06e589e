"""Megaphone's ECM, the ejabberd connection manager.

ECM ends the connections of people who chat, over WebSocket (RFC 7395), BOSH (XEP-0124, XEP-0206) or
TCP (RFC 6120), and carries all of them over one TCP link to ``mod_ecm`` inside ejabberd. It never
looks into what it carries.
"""

__version__ = "0.1.0"
