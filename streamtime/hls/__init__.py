"""HLS as pure values and text: ladder, grid, segment index, playlists. It uses only the standard library."""
