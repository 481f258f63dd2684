"""`streamtime package`: the same orders, written into an HLS folder instead of the library."""
