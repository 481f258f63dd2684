"""Where bytes live: the object store port, its adapters, and the spool of files that still grow."""
