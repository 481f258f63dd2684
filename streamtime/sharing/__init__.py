"""Showing something to those without an account, or without a cookie: tickets, share links, links for sending."""
