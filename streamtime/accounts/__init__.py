"""Accounts: who exists, how they prove it, and for how long that holds."""
