"""``ecm-swarm``: a load generator with many users in few processes.

    main -> options -> phases -> worker processes      tasks
    main <- report  <- phases <- worker processes      reports

A worker (``worker.py``) runs without Twisted: one for 18,000 users must be small, and so must each
of them (docs/swarm.md has the figures). The coordinator, which is everything else, uses Twisted.
"""
