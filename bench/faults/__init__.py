"""``make faults``: whatever breaks, and what users notice of it (docs/faults.md).

__main__ -> lab -> catalogue    the faults, one after another
             |  -> stack        ejabberd, ECM, and the proxy on the link between them
             |  -> crowd        the users: a process (users.py)
__main__ <- report <- outcome <- record of the users
"""
