"""The commands. A person never sees a traceback; a pipe gets plain lines."""
