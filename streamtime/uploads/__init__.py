"""Resumable uploads, tus 1.0: created, received at an offset, finished or given up."""
