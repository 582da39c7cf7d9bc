"""`edgectl model`: from a trained model to a verified graph, step by step."""
