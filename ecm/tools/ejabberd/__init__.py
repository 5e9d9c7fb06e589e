"""A private ejabberd, with mod_ecm compiled for it."""
