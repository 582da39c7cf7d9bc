{{/* (list . values): one endpoint of a PodMonitor or ServiceMonitor. */}}
{{- define "edge-inference.endpoint" -}}
- port: metrics
  path: /metrics
  {{- with .interval }}
  interval: {{ . | quote }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . | quote }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* (list . kind values): a monitor of both tracks. */}}
{{- define "edge-inference.monitor" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- if and $root.Values.podMonitor.enabled $root.Values.serviceMonitor.enabled }}
{{- fail "podMonitor.enabled and serviceMonitor.enabled: choose one, both would scrape every pod twice" }}
{{- end -}}
apiVersion: monitoring.coreos.com/v1
kind: {{ index . 1 }}
metadata:
  name: {{ include "edge-inference.fullname" $root | quote }}
  namespace: {{ include "edge-inference.namespace" $root | quote }}
  labels:
    {{- merge (deepCopy $values.labels) (include "edge-inference.labels" (list $root "inference") | fromYaml) | toYaml | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- omit (include "edge-inference.selector" (list $root "inference") | fromYaml) "app.kubernetes.io/component" | toYaml | nindent 6 }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values: [inference, candidate]
  namespaceSelector:
    matchNames: [{{ include "edge-inference.namespace" $root | quote }}]
  {{ ternary "podMetricsEndpoints" "endpoints" (eq (index . 1) "PodMonitor") }}:
    {{- include "edge-inference.endpoint" $values | nindent 4 }}
{{- end }}
