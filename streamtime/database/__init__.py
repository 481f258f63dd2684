"""The SQLite database: its tables, its engines, the one door to its writer, and its migrations."""
