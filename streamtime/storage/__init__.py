"""Object stores: the interface, its adapters for local disk, S3 and memory, and the spool of growing files."""
