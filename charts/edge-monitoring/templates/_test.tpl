{{/* $1: Prometheus's URL, $2: seconds until this gives up, then the jobs that have to answer. A policy learns the address of a new pod a
     moment after its start, so the first tries may reach nobody. Of each job: how many of its targets answer. */}}
{{- define "edge-monitoring.testScript" -}}
{{- $interval := include "edge-monitoring.seconds" .Values.scrape.interval | int -}}
{{- $window := add (mul 2 $interval) (include "edge-monitoring.seconds" .Values.scrape.timeout | int) -}}
url=$1
end=$(($(date +%s) + $2))
shift 2
# With two of its own scrapes in the window, Prometheus has asked everyone once; what is older is of another life.
query='count_values by (job) ("up", last_over_time(up[{{ $window }}s])) and on () count_over_time(up{job="prometheus"}[{{ $window }}s]) >= 2'
while :; do
  said=$(promtool query instant "$url" "$query" 2>&1)
  table=$(echo "$said" | awk -F'"' '
    index($0, "{job=") == 1 { n = $0; sub(/.* => /, "", n); all[$2] += n; if ($4 == "1") up[$2] += n }
    END { for (job in all) print job ": " up[job] + 0 " of " all[job] " up" }' | sort)
  # A cut uplink is no fault of this release.
  down=$(echo "$table" | grep ': 0 of ' | grep -v '^uplink: ')
  for job in "$@"; do
    echo "$table" | grep -q "^$job: " || down="$down
$job: no target"
  done
  if [ -z "$down" ] || [ "$(date +%s)" -ge "$end" ]; then break; fi
  sleep 1
done
if [ -z "$table" ]; then
  echo "want up{job=\"prometheus\"} twice at $url, found: $said"
  exit 1
fi
echo "$table"
for job in edge-inference camera-ingest; do
  echo "$table" | grep -q "^$job: " || echo "$job: no pod with metrics in {{ include "edge-monitoring.watched" . | fromJsonArray | join ", " }} (namespaces); fine before the first release of it"
done
if [ -n "$down" ]; then
  echo "want at least one target of each job up, found:" $down
  echo "models and cameras: do their networkPolicy.metricsClients let the namespace {{ include "edge-monitoring.namespace" . }} in? node, cadvisor: kubectl get pods -o wide, and networkPolicy.nodeCidrs"
  exit 1
fi
{{- end }}

{{/* JSON list of the jobs that this release itself brings. */}}
{{- define "edge-monitoring.testJobs" -}}
{{- $jobs := list "prometheus" -}}
{{- if .Values.alertmanager.enabled }}{{ $jobs = append $jobs "alertmanager" }}{{ end -}}
{{- if .Values.nodeExporter.enabled }}{{ $jobs = append $jobs "node" }}{{ end -}}
{{- if .Values.cadvisor.enabled }}{{ $jobs = append $jobs "cadvisor" }}{{ end -}}
{{- toJson $jobs -}}
{{- end }}

{{/* Seconds: time for a pod that starts, and for two scrapes. */}}
{{- define "edge-monitoring.testPatience" -}}
{{- add 60 (mul 3 (include "edge-monitoring.seconds" .Values.scrape.interval | int)) -}}
{{- end }}
