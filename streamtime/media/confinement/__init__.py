"""What a child gives up before it touches a stranger's file, one file a layer. It knows nothing of media."""
