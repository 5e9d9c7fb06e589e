"""The metrics of an ECM as Prometheus reads them."""
