"""Captions as pure values: cues with times and styled text, read from SubRip, WebVTT and ASS, written as WebVTT."""
