"""Reading a camera in a child process of its own, which the parent can end at any moment.

The parent's half: source.py (what the pipeline sees), process.py, watchdog.py, backoff.py. The child's half: child.py,
feed.py, grab.py, mjpeg.py, images.py. Between them: messages.py over a socket and ring.py in shared memory.
"""
