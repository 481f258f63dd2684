"""Media URLs: playlists, segments, posters, captions and originals, with Range and conditional requests."""
