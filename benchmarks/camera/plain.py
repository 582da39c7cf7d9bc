"""The yardstick: one thread a camera, cv2.VideoCapture and requests, as one would write it in an hour.

    python plain.py CLIP CAMERAS SECONDS URL MODEL

prints {"frames", "cpu_s", "ages_ms"}: frames answered, CPU seconds of this process, and each frame's age in ms when
its answer was read.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import cv2
import numpy as np
import requests


def watch(clip: str, seconds: float, url: str, ages: list[float]) -> None:
    """Play the clip at its own speed, in a loop, and ask about every frame."""
    session = requests.Session()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        capture = cv2.VideoCapture(clip)
        interval, due = 1.0 / capture.get(cv2.CAP_PROP_FPS), time.monotonic()
        while time.monotonic() < end:
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
            due += interval
            time.sleep(max(0.0, due - time.monotonic()))
        capture.release()


def main() -> None:
    clip, cameras, seconds, base, model = sys.argv[1:]
    ages: list[float] = []
    url = f"{base}/v2/models/{model}/infer"
    threads = [threading.Thread(target=watch, args=(clip, float(seconds), url, ages)) for _ in range(int(cameras))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"frames": len(ages), "cpu_s": time.process_time(), "ages_ms": ages}))


if __name__ == "__main__":
    main()
