"""The log: levels, formats, an output that never blocks, and faults of clients in few lines."""
