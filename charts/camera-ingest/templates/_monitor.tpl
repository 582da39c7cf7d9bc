{{/* (list . values): one endpoint of a PodMonitor or ServiceMonitor. */}}
{{- define "camera-ingest.endpoint" -}}
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

{{/* (list . kind values): a monitor. */}}
{{- define "camera-ingest.monitor" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
apiVersion: monitoring.coreos.com/v1
kind: {{ index . 1 }}
metadata:
  name: {{ include "camera-ingest.fullname" $root | quote }}
  namespace: {{ include "camera-ingest.namespace" $root | quote }}
  labels:
    {{- merge (deepCopy $values.labels) (include "camera-ingest.labels" (list $root "camera-ingest") | fromYaml) | toYaml | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "camera-ingest.selector" (list $root "camera-ingest") | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ include "camera-ingest.namespace" $root | quote }}]
  {{ ternary "podMetricsEndpoints" "endpoints" (eq (index . 1) "PodMonitor") }}:
    {{- include "camera-ingest.endpoint" $values | nindent 4 }}
{{- end }}
