"""A sans-IO BOSH client (XEP-0124, XEP-0206): bodies, HTTP, a session and the steps of a login.

The swarm drives it with epoll, the demo's probe with a socket, tests with treq or over a link,
benchmarks with asyncio.
"""
