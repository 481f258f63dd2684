"""Object stores: the port, and its adapters for local disk, S3 and memory."""
