"""The edge-serve command: bundles today, rollouts tomorrow."""
