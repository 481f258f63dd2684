"""Reads and writes media in the confined worker process. It is synchronous, and the only package that imports av."""
