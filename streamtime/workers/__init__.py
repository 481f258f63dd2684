"""Server side of the worker processes: launch, protocol, watchdogs, termination. It never imports av."""
