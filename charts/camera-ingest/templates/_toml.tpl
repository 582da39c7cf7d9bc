{{/* Values as TOML. Helm's own toToml writes 500 as 500.0, which is no whole number. */}}

{{/* One value, on one line. JSON's strings are TOML's basic strings. */}}
{{- define "camera-ingest.toml" -}}
{{- if kindIs "map" . -}}
{ {{- range $i, $key := keys . | sortAlpha }}{{ if $i }}, {{ end }}{{ toRawJson $key }} = {{ include "camera-ingest.toml" (index $ $key) }}{{ end -}} }
{{- else if kindIs "slice" . -}}
[ {{- range $i, $each := . }}{{ if $i }}, {{ end }}{{ include "camera-ingest.toml" $each }}{{ end -}} ]
{{- else if and (kindIs "float64" .) (eq . (floor .)) -}}
{{ int64 . }}
{{- else if kindIs "string" . -}}
{{ toRawJson . }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end }}

{{/* A map as lines `key = value`; a key without a value is left out. */}}
{{- define "camera-ingest.tomlLines" -}}
{{- range $key, $value := . }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }} = {{ include "camera-ingest.toml" $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* Address of the service, and of the candidate. */}}
{{- define "camera-ingest.inferenceUrl" -}}
{{- $model := required "inference.model is required: the name of the model to ask" .Values.inference.model -}}
{{- default (printf "http://%s:8080" $model) .Values.inference.url -}}
{{- end }}

{{- define "camera-ingest.candidate" -}}
{{- $candidate := .Values.inference.candidate -}}
{{- /* Beside the service: the first label of its host, with -candidate after it. */ -}}
{{- $beside := regexReplaceAll "^(https?://[^.:/]+)" (include "camera-ingest.inferenceUrl" .) "${1}-candidate" }}
url: {{ default $beside $candidate.url | quote }}
mode: {{ $candidate.mode }}
share: {{ $candidate.share }}
{{- end }}

{{/* [sinks], which only a restart applies: the pod template carries its checksum. */}}
{{- define "camera-ingest.sinks" -}}
{{- $sinks := deepCopy .Values.sinks -}}
{{- if .Values.spool.enabled -}}
{{- $_ := set $sinks "spool" (merge (dict "path" "/var/lib/edge/spool") (omit .Values.spool "enabled")) -}}
{{- end -}}
[sinks]
{{- include "camera-ingest.tomlLines" $sinks }}
{{- end }}

{{/* The SHA-256 of the config file, as its ConfigMap holds it: YAML ends such a text with one line break. */}}
{{- define "camera-ingest.configHash" -}}
{{- printf "%s\n" (include "camera-ingest.config" . | trim) | sha256sum -}}
{{- end }}

{{/* The config file. */}}
{{- define "camera-ingest.config" -}}
{{- $inference := merge (dict "url" (include "camera-ingest.inferenceUrl" .)) (omit .Values.inference "candidate" "url") -}}
{{- if .Values.inference.candidate.enabled -}}
{{- $_ := set $inference "candidate" (include "camera-ingest.candidate" . | fromYaml) -}}
{{- end -}}
[inference]
{{- include "camera-ingest.tomlLines" $inference }}
{{ range $name, $camera := .Values.cameras }}
[[camera]]
{{- include "camera-ingest.tomlLines" (merge (dict "name" $name) $camera) }}
{{ end }}
{{ include "camera-ingest.sinks" . }}
{{ range $name, $alert := .Values.alerts }}
[alert.{{ $name }}]
{{- include "camera-ingest.tomlLines" $alert }}
{{ end }}
{{- end }}
