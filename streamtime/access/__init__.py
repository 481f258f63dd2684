"""Who asks, and what they may do: pure values and rules, decided without I/O."""
