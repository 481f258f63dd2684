"""Backups: archives with or without objects, restore, verification, and automatic copies of the database."""
