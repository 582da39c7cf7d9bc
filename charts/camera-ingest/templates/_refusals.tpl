{{/* What the schema cannot say. Included by the Deployment, so that every install and upgrade meets it. */}}
{{- define "camera-ingest.refusals" -}}
{{- if not .Values.cameras }}
{{- fail "cameras: name at least one, for instance --set cameras.dock-3.url=rtsp://192.168.1.20/stream1" }}
{{- end }}
{{- range $name, $camera := .Values.cameras }}
{{- if regexMatch "^[a-zA-Z0-9+.-]+://[^/]*@" $camera.url }}
{{- fail (printf "cameras.%s.url: want no user and password in it; name a Secret in secretFiles.%s and set credentials=/run/secrets/%s" $name $name $name) }}
{{- end }}
{{- range $key := list $camera.credentials (dig "capture" "ca" nil $camera) }}
{{- include "camera-ingest.secretKnown" (list $ (printf "cameras.%s" $name) $key) }}
{{- end }}
{{- end }}
{{- range $kind, $sink := .Values.sinks }}
{{- if kindIs "map" $sink }}
{{- range $key := list "credentials" "token" "signing_key" "ca" "cert" "key" }}
{{- include "camera-ingest.secretKnown" (list $ (printf "sinks.%s.%s" $kind $key) (index $sink $key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor.enabled and serviceMonitor.enabled: choose one, both would scrape every pod twice" }}
{{- end }}
{{- end }}

{{/* (list . key path): a path below /run/secrets has to be one of secretFiles. */}}
{{- define "camera-ingest.secretKnown" -}}
{{- $path := index . 2 | default "" -}}
{{- if hasPrefix "/run/secrets/" $path }}
{{- $name := trimPrefix "/run/secrets/" $path }}
{{- if not (hasKey (index . 0).Values.secretFiles $name) }}
{{- fail (printf "%s: %s is no file of this pod; add secretFiles.%s with existingSecret and key" (index . 1) $path $name) }}
{{- end }}
{{- end }}
{{- end }}
