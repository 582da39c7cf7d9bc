"""Parts of the benchmark: models, servers, load, rounds, report."""
