"""Backups: create, verify, restore, and automatic copies of the database."""
