"""Storage maintenance: garbage collection, reconciliation, scrubbing, moving, expiry, and their schedule."""
