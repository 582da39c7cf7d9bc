{{/* What the test runs with the image's own Python: slim images have no shell and no curl. */}}

{{- define "camera-ingest.askScript" -}}
import json, sys, time, urllib.request
url, config, *wanted = sys.argv[1:]
# A policy learns the address of a new pod a moment after its start.
REACHED_S = 8
# The kubelet brings a changed ConfigMap within 90 s, and the process looks once a second.
CONFIG_S = 95
# Then a camera connects within 15 s, and its first frame is asked about.
ASKED_S = 20

def wait(seconds, settled):
    heard = time.monotonic()
    end = heard + seconds
    while True:
        try:
            urllib.request.urlopen(url + "/v2/health/ready", timeout=10).close()
            with urllib.request.urlopen(url + "/status", timeout=10) as reply:
                status = json.load(reply)
            heard = time.monotonic()
            if settled(status) or heard > end:
                return status
        except OSError as exc:
            if time.monotonic() > heard + REACHED_S:
                sys.exit(f"{url}: {exc}")
        time.sleep(0.5)

def answered(status):
    return all(each["answer_state"] not in (None, "error") or each["state"] == "down" for each in status["cameras"])

running = wait(CONFIG_S, lambda status: status["config"]["sha256"] == config)["config"]
if running["sha256"] != config:
    refused = f"; it refused: {running['refused']}" if running["refused"] else ""
    sys.exit(f"{url}: want config {config[:12]} of this revision, it runs {running['sha256'][:12]}{refused}")
cameras = sorted(wait(ASKED_S, answered)["cameras"], key=lambda each: each["name"])
print(", ".join(f"{each['name']} {each['state']}, answers {each['answer_state'] or 'none'}" for each in cameras))
found = [each["name"] for each in cameras]
if found != sorted(wanted):
    sys.exit(f"{url}: want cameras {sorted(wanted)}, got {found}")
failing = [f"camera {each['name']}: asking {each['model']}: {each['detail']}" for each in cameras if each["answer_state"] == "error"]
if failing:
    sys.exit(f"{url}: {'; '.join(failing)}")
{{- end }}
