{{/* files/alertmanager.yaml, with alertmanager.config laid over it. */}}
{{- define "edge-monitoring.alertmanagerConfig" -}}
{{- $file := .Files.Get "files/alertmanager.yaml" | fromYaml -}}
{{- mergeOverwrite $file (deepCopy .Values.alertmanager.config) | toYaml -}}
{{- end }}
