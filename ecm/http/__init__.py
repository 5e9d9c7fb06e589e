"""HTTP/1.1 as clients speak it (RFC 9112): bytes in, requests and bytes out. Pure."""
