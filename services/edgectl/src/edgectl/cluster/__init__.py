"""The Kubernetes API as edgectl uses it, and the metrics of pods."""
