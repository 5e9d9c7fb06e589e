"""Measurements of ECM beside others who do the same work. See docs/benchmarks.md."""
