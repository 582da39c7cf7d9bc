"""A graph becomes smaller and faster without another answer."""
