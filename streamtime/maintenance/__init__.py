"""Storage maintenance: garbage collection, reconciliation, scrubbing, moving, expiry, backups, and their schedule."""
