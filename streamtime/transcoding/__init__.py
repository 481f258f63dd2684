"""Job handlers: probe, copy, encode, stills, subtitles, and the order in which they run."""
