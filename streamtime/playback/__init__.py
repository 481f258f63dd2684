"""Playback: playlists, segments, captions and other files that players request, each after an access check."""
