"""Commands beside the pod: find cameras, print a spool, count what is in it."""
