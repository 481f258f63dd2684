"""The object store on local disk."""
