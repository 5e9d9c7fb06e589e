"""Helpers that tests, benchmarks and fuzzing share: peers, clients and processes. No tests."""
