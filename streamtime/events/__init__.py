"""The bus that pages listen to: small facts about what changed, in memory only."""
