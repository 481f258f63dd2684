"""Videos, renditions, captions, chapters, their lifecycle, and the events that pages listen to."""
