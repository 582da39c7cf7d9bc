{{/* $1: Prometheus's URL. A policy learns the address of a new pod a moment after its start, and the first scrape takes an interval. */}}
{{- define "edge-monitoring.testScript" -}}
tries=0
while [ "$tries" -lt 60 ]; do
  up=$(promtool query instant "$1" 'up{job="prometheus"} == 1' 2>&1)
  case $up in
    *"=> 1 @"*) promtool query instant "$1" 'sum by (job) (up)'; exit ;;
  esac
  tries=$((tries + 1))
  sleep 1
done
echo "want up{job=\"prometheus\"} 1 at $1, found: $up"
exit 1
{{- end }}
