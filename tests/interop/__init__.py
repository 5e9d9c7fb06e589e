"""ECM with clients and proxies of other people's making: ``make interop`` runs it.

The modules are named ``*_test`` so that ``trial tests`` and ``pytest`` leave them out: these tests
take longer than the others, and need packages from npm and more of Debian's.
"""
