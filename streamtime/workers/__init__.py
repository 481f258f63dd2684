"""The server side of the children: launch, talk, watch, reap. It never imports av."""
