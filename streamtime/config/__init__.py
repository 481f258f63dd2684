"""What the person who runs the server may choose. Only the composition root and the commands read it."""
