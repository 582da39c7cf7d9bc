{{/* Arguments that Prometheus 2.42 and 3 both know. No lifecycle or admin API: nobody stops or empties it by HTTP. */}}
{{- define "edge-monitoring.prometheusArgs" -}}
- --config.file=/etc/prometheus/prometheus.yml
- --web.listen-address=:9090
{{- with .externalUrl }}
- --web.external-url={{ . }}
{{- end }}
# Whatever path people see: probes, Grafana and the scrape of itself ask at the root.
- --web.route-prefix=/
- --storage.tsdb.path=/prometheus
- --storage.tsdb.retention.time={{ .retention.time }}
- --storage.tsdb.retention.size={{ .retention.size }}
- --storage.tsdb.wal-compression
- --storage.remote.flush-deadline=20s
# A restart (each change of the configuration is one, and each power cut) makes no alert wait anew whose `for` is this or longer: its default,
# 10m, is longer than most of ours. The first scrapes have to be back by then.
- --rules.alert.for-grace-period=1m
- --query.max-concurrency={{ int .query.maxConcurrency }}
- --query.max-samples={{ int .query.maxSamples }}
- --query.timeout={{ .query.timeout }}
- --log.level={{ .logLevel }}
- --log.format=json
{{- with .extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}
