"""What each kind of job does, step by step, in the server; the bytes are worked on by confined children."""
