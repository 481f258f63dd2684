"""Rows of objects, leases, copies between stores, and the stores with their ids."""
