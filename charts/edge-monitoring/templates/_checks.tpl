{{/* What the schema cannot say. Included by an object of each mode, so that every install and upgrade meets it. */}}
{{- define "edge-monitoring.refusals" -}}
{{- $values := .Values -}}
{{- $modes := .Files.Get "files/modes.yaml" | fromYaml -}}
{{- include "edge-monitoring.refuseName" . }}
{{- include "edge-monitoring.refuseLabels" . }}
{{- if eq $values.mode "operator" }}
{{- include "edge-monitoring.unread" (list "" $modes.standalone $values "operator, where this chart runs no Prometheus, Alertmanager or Grafana: set it where the operator's own are set up, or choose mode=standalone") }}
{{- else }}
{{- if not $values.gateway }}
{{- fail "gateway is required with mode standalone: the name of this gateway, for instance --set gateway=plant-7; it is on every alert" }}
{{- end }}
{{- include "edge-monitoring.unread" (list "" $modes.operator $values "standalone: nothing here is for the operator; choose mode=operator, or take it out") }}
{{- include "edge-monitoring.refuseUnread" . }}
{{- include "edge-monitoring.sizes" $values.prometheus }}
{{- include "edge-monitoring.alertmanagerRefusals" . }}
{{- end }}
{{- include "edge-monitoring.refuseExpressions" . }}
{{- include "edge-monitoring.refuseAddresses" . }}
{{- include "edge-monitoring.refuseResources" . }}
{{- include "edge-monitoring.intervals" $values }}
{{- include "edge-monitoring.namespacesExist" . }}
{{- include "edge-monitoring.exporterAllowed" . }}
{{- end }}

{{- define "edge-monitoring.sizes" -}}
{{- $volume := include "edge-monitoring.bytes" .persistence.size | int64 -}}
{{- $kept := include "edge-monitoring.bytes" .retention.size | int64 -}}
{{- if gt (mul $kept 4) (mul $volume 3) }}
{{- fail (printf "prometheus.retention.size=%s is above three quarters of prometheus.persistence.size=%s: the write-ahead log and compaction need the rest" .retention.size .persistence.size) }}
{{- end }}
{{- if lt (int .remoteWrite.queue.capacity) (int .remoteWrite.queue.maxSamplesPerSend) }}
{{- fail "prometheus.remoteWrite.queue.capacity is below maxSamplesPerSend: a send would never fill" }}
{{- end }}
{{- if and (or .remoteWrite.username .remoteWrite.caKey) (not .remoteWrite.existingSecret) }}
{{- fail "prometheus.remoteWrite.username and .caKey want existingSecret, the Secret with the password or the certificate" }}
{{- end }}
{{- $flags := list -}}
{{- range include "edge-monitoring.prometheusArgs" (omit . "extraArgs") | fromYamlArray }}{{ $flags = append $flags (regexFind "^--[^=]+" .) }}{{ end }}
{{- range .extraArgs }}
{{- if has (regexFind "^--[^=]+" .) $flags }}
{{- fail (printf "prometheus.extraArgs: %s is set by the chart, and Prometheus takes no argument twice: use the chart's value" .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* (list path defaults values why): refuse a value that differs from its default where nothing reads it; the path begins with a dot. */}}
{{- define "edge-monitoring.unread" -}}
{{- $path := index . 0 -}}
{{- $default := index . 1 -}}
{{- $set := index . 2 -}}
{{- $why := index . 3 -}}
{{- if and (kindIs "map" $default) $default (kindIs "map" $set) }}
{{- /* A section may have values that both modes read; what is below one is read whole. */}}
{{- $all := ternary $default (merge (deepCopy $set) $default) (lt (splitList "." $path | len) 3) }}
{{- range $key := keys $all | sortAlpha }}
{{- include "edge-monitoring.unread" (list (printf "%s.%s" $path $key) (get $default $key) (get $set $key) $why) }}
{{- end }}
{{- else if ne (default "" $default | toJson) (default "" $set | toJson) }}
{{- fail (printf "%s is set, but mode is %s" (trimPrefix "." $path) $why) }}
{{- end }}
{{- end }}

{{- define "edge-monitoring.intervals" -}}
{{- if gt (include "edge-monitoring.seconds" .scrape.timeout | int) (include "edge-monitoring.seconds" .scrape.interval | int) }}
{{- fail (printf "scrape.timeout=%s is above scrape.interval=%s: Prometheus would not start" .scrape.timeout .scrape.interval) }}
{{- end }}
{{- range $key, $set := dict "scrape.interval" .scrape.interval "rules.interval" .rules.interval }}
{{- if gt (include "edge-monitoring.seconds" $set | int) 60 }}
{{- fail (printf "%s=%s: want 1m or less: the rules count and wait in minutes, and would see nothing" $key $set) }}
{{- end }}
{{- end }}
{{- end }}
