"""Records of TLS 1.3 behind the handshake (RFC 8446): secrets and bytes in, bytes out. Pure."""
