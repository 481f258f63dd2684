"""The API under /api/v1, one file per resource. Errors are RFC 9457 problems."""
