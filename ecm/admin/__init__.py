"""The admin endpoint: what an operator and a monitoring see of an ECM, and tell it, over HTTP."""
