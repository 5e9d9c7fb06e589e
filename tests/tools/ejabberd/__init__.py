"""ecm/tools/ejabberd."""
