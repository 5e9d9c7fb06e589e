"""Where ``make interop`` has npm put the packages that package-lock.json names."""

from pathlib import Path

NODE_MODULES = Path(__file__).parents[2] / "build/interop/node_modules"
