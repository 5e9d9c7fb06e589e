"""What comes of a measurement: tables, charts, and the one in README.md."""
