"""ASGI middleware: host check, authentication, security headers, CSRF, compression."""
