"""Captions: times and styled text as pure values, read from SubRip, WebVTT and ASS, written as WebVTT."""
