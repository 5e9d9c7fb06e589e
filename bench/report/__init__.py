"""Reports of measurements: tables, charts, and the one in README.md."""
