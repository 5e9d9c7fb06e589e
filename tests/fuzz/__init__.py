"""Fuzzing of all that reads bytes from outside.

``python -m tests.fuzz`` runs the targets with atheris, guided by what of the code they reach; the
tests try them with their seeds, and with what is near these (tests/fuzz/test_fuzz.py).
"""
