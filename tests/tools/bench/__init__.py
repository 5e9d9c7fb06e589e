"""The benchmarks: they can be started, and know what they measure."""
