"""Resumable uploads (tus 1.0): create, append at an offset, complete, terminate, expire."""
