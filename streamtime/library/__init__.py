"""The library: videos, what is known of them, their renditions, and how all that changes."""
