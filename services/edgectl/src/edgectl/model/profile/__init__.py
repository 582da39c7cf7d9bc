"""Where the time of a graph goes."""
