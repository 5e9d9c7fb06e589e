"""ecm-demo."""
