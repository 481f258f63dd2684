"""A durable job queue in the database, and the pool that works on it."""
