"""The SQLite database: tables, engines, write transactions, migrations, and copies of the file."""
