"""Access without an account or a cookie: share links, upload requests, and tickets for media URLs."""
