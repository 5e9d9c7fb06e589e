"""The wire protocol of the link between ECM and ejabberd (docs/protocol.md). Pure."""
