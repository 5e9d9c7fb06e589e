"""The status of one ECM process: what it tells of itself, as data. Pure."""
