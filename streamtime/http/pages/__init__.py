"""The pages that people see, one file a page; each works, if plainly, without script."""
