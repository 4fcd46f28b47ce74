"""How the service is shipped: manifests, units, and the audit of what is pinned."""
