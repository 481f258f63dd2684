"""The configuration: all keys with defaults and bounds, read from a file, the environment and the command line."""
