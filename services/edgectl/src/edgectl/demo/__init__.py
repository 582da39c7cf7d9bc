"""`edgectl demo`: the whole chain on this machine, from frames to events, with figures at the end."""
