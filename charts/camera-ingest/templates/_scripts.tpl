{{/* What the test runs with the image's own Python: slim images have no shell and no curl. */}}

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
