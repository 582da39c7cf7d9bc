"""Where events go. Each sink has its own bounded queue and thread, so that a slow one holds up nothing."""
