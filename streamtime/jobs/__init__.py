"""The job queue in the database, the pool that runs jobs, and the interface of handlers."""
