"""The durable queue and the pool that works it off. It knows kinds and subjects, and nothing of videos."""
