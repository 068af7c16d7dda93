"""Who is in the cluster, and in which state. The engine is an existing one; see ``kinship``."""
