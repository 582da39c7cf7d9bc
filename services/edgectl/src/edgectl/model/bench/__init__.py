"""What a graph costs: time, memory, threads."""
