"""The yardstick: one thread a camera, cv2.VideoCapture and requests, as one would write it in an hour.

    python plain.py WARMUP SECONDS URL MODEL CAMERA...

prints {"frames", "cpu_s", "ages_ms"} of the SECONDS that follow the WARMUP, which begins when every camera has its
first answer: frames answered, CPU seconds of this process, and for each camera the age in ms of its frames when their
answer was read, counted from the moment the frame was read.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import cv2
import numpy as np
import requests


def watch(camera: str, url: str, ages: list[float], stop: threading.Event) -> None:
    """Ask about every frame of a stream, or of a clip played at its own speed in a loop."""
    session = requests.Session()
    while not stop.is_set():
        capture = cv2.VideoCapture(camera)
        interval, due = 1.0 / (capture.get(cv2.CAP_PROP_FPS) or 25.0), time.monotonic()
        while not stop.is_set():
            good, frame = capture.read()
            if not good:
                break
            read = time.monotonic()
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            tensor = {"name": "image", "datatype": "UINT8", "shape": [1, *rgb.shape]}
            head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": rgb.nbytes}}]}).encode()
            headers = {"Inference-Header-Content-Length": str(len(head))}
            reply = session.post(url, data=head + rgb.tobytes(), headers=headers, timeout=5)
            reply.raise_for_status()
            np.array(reply.json()["outputs"][0]["data"])
            ages.append((time.monotonic() - read) * 1000)
            if "://" not in camera:  # a stream sets its own pace
                due += interval
                time.sleep(max(0.0, due - time.monotonic()))
        capture.release()


def main() -> None:
    warmup, seconds, base, model, *cameras = sys.argv[1:]
    stop, ages = threading.Event(), [list[float]() for _ in cameras]
    url = f"{base}/v2/models/{model}/infer"
    pairs = zip(cameras, ages, strict=True)
    threads = [threading.Thread(target=watch, args=(camera, url, own, stop)) for camera, own in pairs]
    for thread in threads:
        thread.start()
    while not all(ages):
        time.sleep(0.05)
    time.sleep(float(warmup))
    before, cpu_s = [len(own) for own in ages], time.process_time()
    time.sleep(float(seconds))
    cpu_s = time.process_time() - cpu_s
    found = [own[start:] for own, start in zip(ages, before, strict=True)]
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"frames": sum(map(len, found)), "cpu_s": cpu_s, "ages_ms": found}))


if __name__ == "__main__":
    main()
