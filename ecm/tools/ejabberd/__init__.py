"""A private ejabberd: Debian's package, run as a node of its own, with mod_ecm compiled for it."""
