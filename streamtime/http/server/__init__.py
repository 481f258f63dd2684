"""The HTTP/1.1 protocol of the server: limits on requests and connections, around uvicorn."""
