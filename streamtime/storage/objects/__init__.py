"""Objects as rows: the ledger, the inventory, leases, copies between stores, and the store id."""
