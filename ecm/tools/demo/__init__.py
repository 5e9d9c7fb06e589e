"""``ecm-demo``: ECM, a private ejabberd behind it and a chat page, with one command.

Read ``main.py`` first: it has the order of the steps.
"""
