"""HTTP in, HTTP out: parses, calls one service, renders. It speaks litestar, and no SQL."""
