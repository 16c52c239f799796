"""Training: one loop for every phase; what differs between phases is configuration."""
