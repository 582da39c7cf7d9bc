"""Raw ONNX Runtime in a loop, as a process of its own: `python raw.py MODEL FEED.npz SECONDS`.

Prints {"rps", "p50_us", "p99_us", "count"}; the rate is taken from a loop without clock readings in it.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import onnxruntime as ort

_BATCH = 20


def main() -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    with np.load(sys.argv[2]) as stored:
        feed = {name: stored[name] for name in stored.files}
    names = [output.name for output in session.get_outputs()]
    seconds = float(sys.argv[3])
    run, clock = session.run, time.perf_counter
    for _ in range(_BATCH):
        run(names, feed)
    count, begin = 0, clock()
    while clock() - begin < seconds / 2:
        for _ in range(_BATCH):
            run(names, feed)
        count += _BATCH
    rate = count / (clock() - begin)
    times, end = [], clock() + seconds / 2
    while (before := clock()) < end:
        run(names, feed)
        times.append(clock() - before)
    times.sort()
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(json.dumps({"rps": rate, "p50_us": p50 * 1e6, "p99_us": p99 * 1e6, "count": count + len(times)}))


if __name__ == "__main__":
    main()
