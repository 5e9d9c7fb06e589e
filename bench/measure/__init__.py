"""CPU and memory: of processes, of the kernel, of everything on one side."""
