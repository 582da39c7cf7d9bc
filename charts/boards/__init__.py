"""The dashboards of charts/edge-monitoring, as code."""
