"""Pure values and text of HTTP Live Streaming: ladder, grid, index, playlists. It knows only the standard library."""
