"""A graph gets its pre- and post-processing inside."""
