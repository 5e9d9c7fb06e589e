"""``ecm-swarm``: many BOSH users from few processes, to know before the users do.

    main -> options -> course -> worker processes      what is to be done
    main <- report  <- course <- worker processes      what has happened

A worker (``worker.py``) runs without Twisted: one for 18,000 users has to be small, and so has each
of them (docs/swarm.md has the figures). The coordinator, which is everything else, runs on it.
"""
