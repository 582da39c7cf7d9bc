{{/* What the schema cannot say, or only as a regular expression that nobody reads. Included by whatever looks at these values, so that
     every install and upgrade meets it first. */}}
{{- define "camera-ingest.refusals" -}}
{{- include "camera-ingest.refuseNames" . }}
{{- include "camera-ingest.refuseLabels" . }}
{{- include "camera-ingest.refuseInference" . }}
{{- include "camera-ingest.refuseCameras" . }}
{{- include "camera-ingest.refuseSinks" . }}
{{- include "camera-ingest.refuseVolume" . }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor.enabled and serviceMonitor.enabled: choose one, both would scrape every pod twice" }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseNames" -}}
{{- if not (or .Values.fullnameOverride (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .Release.Name)) }}
{{- fail (printf "release name: want a letter first, then lower-case letters, digits and dashes: the Service is named after it, found %q; choose another, or set fullnameOverride" .Release.Name) }}
{{- end }}
{{- end }}

{{/* Of a label given twice the last counts: selectors would find nothing, and Helm not its own objects. */}}
{{- define "camera-ingest.refuseLabels" -}}
{{- $own := list "name" "instance" "component" "part-of" -}}
{{- range $key, $value := .Values.podLabels }}
{{- if has (trimPrefix "app.kubernetes.io/" $key) $own }}
{{- fail (printf "podLabels: want labels of your own, found %s, which the chart sets: selectors find the pods by such; leave it out, or set nameOverride" $key) }}
{{- end }}
{{- end }}
{{- range $key, $value := .Values.commonLabels }}
{{- if or (eq $key "helm.sh/chart") (has (trimPrefix "app.kubernetes.io/" $key) (concat $own (list "version" "managed-by"))) }}
{{- fail (printf "commonLabels: want labels of your own, found %s, which the chart sets: leave it out, or set nameOverride" $key) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseInference" -}}
{{- range $key, $url := dict "inference.url" (include "camera-ingest.inferenceUrl" .) "inference.candidate.url" .Values.inference.candidate.url }}
{{- if $url }}
{{- include "camera-ingest.sound" (list $key $url "^https?://HOST(/[^@?#\\s]*)?$" "http://HOST:PORT") }}
{{- end }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseCameras" -}}
{{- if not .Values.cameras }}
{{- fail "cameras: name at least one, for instance --set cameras.dock-3.url=rtsp://192.168.1.20/stream1" }}
{{- end }}
{{- range $name, $camera := .Values.cameras }}
{{- if regexMatch "^[a-zA-Z0-9+.-]+://[^/]*@" $camera.url }}
{{- fail (printf "cameras.%s.url: want no user and password in it; name a Secret in secretFiles.%s and set credentials=/run/secrets/%s" $name $name $name) }}
{{- end }}
{{- if and (contains "://" $camera.url) (not (hasPrefix "file://" (lower $camera.url))) }}
{{- include "camera-ingest.sound" (list (printf "cameras.%s.url" $name) $camera.url "^(?i:rtsp|https?)://HOST([/?].*)?$" "rtsp://HOST[:PORT]/PATH, http://HOST[:PORT]/PATH (MJPEG), file:///PATH or a path") }}
{{- end }}
{{- range $key, $path := dict "credentials" $camera.credentials "capture.ca" (default dict $camera.capture).ca }}
{{- include "camera-ingest.secretKnown" (list $ (printf "cameras.%s.%s" $name $key) $path) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseSinks" -}}
{{- with .Values.sinks.mqtt }}
{{- include "camera-ingest.sound" (list "sinks.mqtt.url" .url "^mqtts?://HOST/?$" "mqtt://HOST:PORT or mqtts://HOST:PORT, user and password in a file") }}
{{- end }}
{{- with .Values.sinks.webhook }}
{{- include "camera-ingest.sound" (list "sinks.webhook.url" .url "^https?://HOST([/?][^@#\\s]*)?$" "http://HOST:PORT/PATH or https://HOST:PORT/PATH, user and password in a file") }}
{{- end }}
{{- range $kind, $sink := .Values.sinks }}
{{- if kindIs "map" $sink }}
{{- range $key := list "credentials" "token" "signing_key" "ca" "cert" "key" }}
{{- include "camera-ingest.secretKnown" (list $ (printf "sinks.%s.%s" $kind $key) (index $sink $key)) }}
{{- end }}
{{- end }}
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

{{/* Does the volume hold what may be written on it? The size of an existing claim is not known here. */}}
{{- define "camera-ingest.refuseVolume" -}}
{{- $values := .Values -}}
{{- $size := mul (regexFind "^[0-9]+" $values.persistence.size | int64) (ternary 1073741824 1048576 (hasSuffix "Gi" $values.persistence.size)) -}}
{{- $parts := list -}}
{{- $sum := int64 0 -}}
{{- if $values.spool.enabled }}
{{- $sum = int64 $values.spool.max_bytes }}
{{- $parts = append $parts (printf "spool.max_bytes %d" $sum) }}
{{- end }}
{{- $pictures := default dict $values.sinks.snapshots }}
{{- if hasPrefix "/var/lib/edge/" (default "" $pictures.path) }}
{{- $bytes := int64 (default 67108864 $pictures.max_bytes) }}
{{- $sum = add $sum $bytes }}
{{- $parts = append $parts (printf "sinks.snapshots.max_bytes %d" $bytes) }}
{{- end }}
{{- $file := default dict $values.sinks.file }}
{{- if hasPrefix "/var/lib/edge/" (default "" $file.path) }}
{{- $files := add 1 (ternary $file.keep 4 (hasKey $file "keep") | int64) }}
{{- $bytes := mul $files (int64 (default 67108864 $file.max_bytes)) }}
{{- $sum = add $sum $bytes }}
{{- $parts = append $parts (printf "sinks.file.max_bytes in %d files %d" $files $bytes) }}
{{- end }}
{{- if and (gt (int64 $sum) (int64 $size)) (not $values.persistence.existingClaim) }}
{{- fail (printf "persistence.size: want room for %s, found %s (%d bytes); raise it, or lower these" (join " and " $parts) $values.persistence.size $size) }}
{{- end }}
{{- end }}
