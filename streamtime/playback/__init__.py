"""Playback: what a player asks for, found in memory when warm, never without asking for permission first."""
