"""ecm/tools/bosh."""
