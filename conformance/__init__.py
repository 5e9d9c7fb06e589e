"""A conformance suite for BOSH servers (XEP-0124, XEP-0206).

It plays conversations, one file each in ``scripts/``, with any BOSH URL, and says what came where
something else must come. It needs nothing but Python. See docs/conformance.md.
"""
