"""Servers in processes of their own, for tests, measurements and the conformance suite."""
