"""Where ``make interop`` has npm put the packages that package-lock.json names."""

from testkit.paths import CHECKOUT

NODE_MODULES = CHECKOUT / "build/interop/node_modules"
