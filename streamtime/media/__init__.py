"""What reads and writes media: it runs in the confined child, is synchronous, and alone imports av."""
