"""etcd discovery and registration for engram-discovery: leases, watches, several endpoints, TLS."""
