"""The commands. Errors are one line without a traceback; output to a pipe has no control characters."""
