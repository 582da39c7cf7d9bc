{{/* The rule files as they are in rules/, with the runbook where people can read it: file name to text, parsed by its callers. */}}
{{- define "edge-monitoring.rules" -}}
{{- range $path, $file := .Files.Glob "rules/*.yaml" }}
{{ base $path }}: |
  {{- $file | toString | replace "docs/runbook.md" $.Values.rules.runbookUrl | nindent 2 }}
{{- end }}
{{- end }}
