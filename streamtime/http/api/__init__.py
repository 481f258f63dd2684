"""The API under /api/v1, one file a resource; errors are RFC 9457 problems."""
