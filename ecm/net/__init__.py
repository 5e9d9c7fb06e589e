"""Additions to Twisted. No other folder touches private attributes and other insides of Twisted.

Each such use is a function or class here that says what Twisted lacks, and a test in
tests/integration/test_twisted_insides.py fails when Twisted changes it.
"""
