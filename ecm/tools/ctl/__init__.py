"""``ecmctl``: asks a running ECM at its admin endpoint, and tells it what to do."""
