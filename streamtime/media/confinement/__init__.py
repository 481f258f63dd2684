"""The sandbox of worker processes: resource limits, Landlock and seccomp."""
