{{/* (list . template): relabelings in the operator's spelling, without the labels that it adds of itself. */}}
{{- define "edge-monitoring.operatorRelabelings" -}}
{{- $root := index . 0 -}}
{{- include "edge-monitoring.camel" (include (index . 1) $root) }}
{{- with $root.Values.gateway }}
- targetLabel: gateway
  replacement: {{ . | quote }}
{{- end }}
- regex: container|endpoint|service
  action: labeldrop
{{- end }}

{{- define "edge-monitoring.camel" -}}
{{- . | replace "source_labels:" "sourceLabels:" | replace "target_label:" "targetLabel:" -}}
{{- end }}

{{/* For an endpoint whose relabelings are all its own. */}}
{{- define "edge-monitoring.none" -}}
{{- end }}
