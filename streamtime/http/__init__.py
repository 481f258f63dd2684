"""HTTP: pages, API, media, middleware, and the server's connections."""
