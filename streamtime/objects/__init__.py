"""Rows and bytes kept equal: intent before bytes, settling into the store, deleting what is doomed."""
