"""DNS discovery for engram-discovery: SRV, A and AAAA, as Kubernetes and everyone else serves them."""
