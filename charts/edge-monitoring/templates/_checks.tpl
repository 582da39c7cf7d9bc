{{/* What the schema cannot say. Included by an object of each mode, so that every install and upgrade meets it. */}}
{{- define "edge-monitoring.refusals" -}}
{{- $values := .Values -}}
{{- if eq $values.mode "operator" }}
{{- range $key, $set := dict
      "prometheus.remoteWrite.url" $values.prometheus.remoteWrite.url
      "prometheus.externalUrl" $values.prometheus.externalUrl
      "prometheus.extraArgs" $values.prometheus.extraArgs
      "prometheus.persistence.existingClaim" $values.prometheus.persistence.existingClaim
      "alertmanager.config" $values.alertmanager.config
      "alertmanager.existingSecret" $values.alertmanager.existingSecret
      "alertmanager.receiverSecret" $values.alertmanager.receiverSecret
      "alertmanager.others" $values.alertmanager.others
      "grafana.existingSecret" $values.grafana.existingSecret
      "grafana.rootUrl" $values.grafana.rootUrl
      "grafana.extraEnv" $values.grafana.extraEnv
      "scrape.uplink.url" $values.scrape.uplink.url
      "externalLabels" $values.externalLabels }}
{{- if $set }}
{{- fail (printf "%s is set, but mode is operator, where this chart runs no Prometheus, Alertmanager or Grafana: set it where the operator's own are set up, or choose mode=standalone" $key) }}
{{- end }}
{{- end }}
{{- else }}
{{- if not $values.gateway }}
{{- fail "gateway is required with mode standalone: the name of this gateway, for instance --set gateway=plant-7; it is on every alert" }}
{{- end }}
{{- range $key, $set := dict "operator.labels" $values.operator.labels "operator.dashboardAnnotations" $values.operator.dashboardAnnotations }}
{{- if $set }}
{{- fail (printf "%s is set, but mode is standalone: nothing here is for the operator; choose mode=operator, or take it out" $key) }}
{{- end }}
{{- end }}
{{- include "edge-monitoring.sizes" $values.prometheus }}
{{- include "edge-monitoring.alertmanagerRefusals" $values.alertmanager }}
{{- end }}
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
{{- end }}

{{- define "edge-monitoring.alertmanagerRefusals" -}}
{{- if and .config .existingSecret }}
{{- fail "alertmanager.config and alertmanager.existingSecret: choose one, the Secret holds the whole configuration" }}
{{- end }}
{{- if and (not .enabled) (or .config .existingSecret .receiverSecret .receiverCidrs) }}
{{- fail "alertmanager.enabled=false, but alertmanager.config, existingSecret, receiverSecret or receiverCidrs is set: nothing would read it" }}
{{- end }}
{{- end }}

{{/* Otherwise the DaemonSet would be made, and its pods refused where only `kubectl get events` tells. */}}
{{- define "edge-monitoring.exporterAllowed" -}}
{{- if .Values.nodeExporter.enabled }}
{{- $name := include "edge-monitoring.exporterNamespace" . -}}
{{- $standard := dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" (lookup "v1" "Namespace" "" $name) -}}
{{- if has $standard (list "restricted" "baseline") }}
{{- fail (printf "nodeExporter: namespace %s enforces the Pod Security Standard %s, which forbids the host's folders: set nodeExporter.namespace to one that does not, or nodeExporter.enabled=false" $name $standard) }}
{{- end }}
{{- end }}
{{- end }}
