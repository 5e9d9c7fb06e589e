"""XMPP over TCP as far as ECM speaks it: until TLS stands (RFC 6120, section 5). Pure."""
