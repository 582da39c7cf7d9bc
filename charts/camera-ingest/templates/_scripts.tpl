{{/* What the preflight and the test run with the image's own Python: slim images have no shell and no curl. */}}

{{- define "camera-ingest.checkScript" -}}
import os, sys
from pathlib import Path
from edge_camera.config import read_config
from edge_camera.settings import Settings
from edge_common.errors import StartError
from edge_common.settings import load_settings
try:
    load_settings(Settings, os.environ)
    cameras = read_config(Path(sys.argv[1])).camera
except StartError as exc:
    sys.exit(f"edge-camera: {exc}")
print(f"ok: config of {len(cameras)} cameras")
{{- end }}

{{- define "camera-ingest.askScript" -}}
import json, sys, time, urllib.request
url, *wanted = sys.argv[1:]
for pause in (0.5, 1, 2, 4, 0):
    try:
        urllib.request.urlopen(url + "/v2/health/ready", timeout=10).close()
        with urllib.request.urlopen(url + "/status", timeout=10) as reply:
            states = {each["name"]: each["state"] for each in json.load(reply)["cameras"]}
        break
    except OSError as exc:
        # A policy learns the address of a new pod a moment after its start.
        if not pause:
            sys.exit(f"{url}: {exc}")
        time.sleep(pause)
print(", ".join(f"{name} {state}" for name, state in sorted(states.items())))
if sorted(states) != sorted(wanted):
    sys.exit(f"{url}: want cameras {sorted(wanted)}, got {sorted(states)}")
{{- end }}
