"""``ecm-doctor``: how many users this machine holds, and what to change for more."""
