"""Container images and air-gap files without a daemon."""
