"""The folder into which ``make interop`` has npm put the packages of package-lock.json."""

from testkit.paths import CHECKOUT

NODE_MODULES = CHECKOUT / "build/interop/node_modules"
