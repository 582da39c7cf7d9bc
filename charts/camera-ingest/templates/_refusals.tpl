{{/* What the schema cannot say, or only as a regular expression that nobody reads. Included by whatever looks at these values, so that
     every install and upgrade meets it first. */}}
{{- define "camera-ingest.refusals" -}}
{{- include "camera-ingest.refuseNames" . }}
{{- include "camera-ingest.refuseKeys" . }}
{{- include "camera-ingest.refuseImage" . }}
{{- include "camera-ingest.refuseReferences" . }}
{{- include "camera-ingest.refuseResources" . }}
{{- include "camera-ingest.refuseCidrs" . }}
{{- include "camera-ingest.refuseLabels" . }}
{{- include "camera-ingest.refuseInference" . }}
{{- include "camera-ingest.refuseCameras" . }}
{{- include "camera-ingest.refuseSinks" . }}
{{- include "camera-ingest.refuseVolume" . }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor.enabled and serviceMonitor.enabled: choose one, both would scrape every pod twice" }}
{{- end }}
{{- end }}

{{/* (list key value pattern wanted): a text that is set has to match. */}}
{{- define "camera-ingest.match" -}}
{{- $value := index . 1 -}}
{{- if and $value (not (regexMatch (index . 2) $value)) }}
{{- fail (printf "%s: want %s, found %s" (index . 0) (index . 3) (quote $value)) }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseNames" -}}
{{- range $key, $value := dict "inference.model" .Values.inference.model "nameOverride" .Values.nameOverride "namespaceOverride" .Values.namespaceOverride }}
{{- include "camera-ingest.match" (list $key $value "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" "at most 63 lower-case letters, digits and dashes, no dash at the ends") }}
{{- end }}
{{- $service := "a letter first, then lower-case letters, digits and dashes, no dash at the end, at most 53 in all: the Service is named after it" }}
{{- include "camera-ingest.match" (list "fullnameOverride" .Values.fullnameOverride "^[a-z]([-a-z0-9]{0,51}[a-z0-9])?$" $service) }}
{{- if not .Values.fullnameOverride }}
{{- include "camera-ingest.match" (list "release name" .Release.Name "^[a-z]([-a-z0-9]*[a-z0-9])?$" (printf "%s; choose another, or set fullnameOverride" $service)) }}
{{- end }}
{{- end }}

{{/* Names that are keys. An empty one has to match too. */}}
{{- define "camera-ingest.refuseKeys" -}}
{{- range $key := list "cameras" "alerts" }}
{{- range $name, $each := index $.Values $key }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" $name) }}
{{- fail (printf "%s: want names of at most 63 lower-case letters, digits and dashes, no dash at the ends, found %q" $key $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $file := .Values.secretFiles }}
{{- if not (regexMatch "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$" $name) }}
{{- fail (printf "secretFiles: want names of files: a letter or digit first, then letters, digits, dots, dashes and underscores, found %q" $name) }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.extraEnv }}
{{- if hasPrefix "EDGE_" $name }}
{{- fail (printf "extraEnv: want no EDGE_*, found '%s': set settings (EDGE_LOG_LEVEL is settings.logLevel) or gateway, where a typo is refused" $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseImage" -}}
{{- $image := .Values.image -}}
{{- if eq $image.tag "latest" }}
{{- fail "image.tag: want a tag that stays what it is, found \"latest\": a rollback would not know what it was" }}
{{- end }}
{{- include "camera-ingest.match" (list "image.tag" $image.tag "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" "at most 128 letters, digits, dots, dashes and underscores") }}
{{- include "camera-ingest.match" (list "image.digest" $image.digest "^sha256:[0-9a-f]{64}$" "sha256: and 64 digits and letters a to f, as the registry names the image") }}
{{- end }}

{{/* Kubernetes would take the pod, and its image be no name that can be pulled. */}}
{{- define "camera-ingest.refuseReferences" -}}
{{- $part := "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*" -}}
{{- $registry := replace "PART" $part "^(\\[[0-9A-Fa-f:]+\\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]+)?(/PART)*/?$" -}}
{{- $repository := replace "PART" $part "^([a-z0-9.-]+:[0-9]+/)?PART(/PART)*$" -}}
{{- include "camera-ingest.match" (list "global.imageRegistry" .Values.global.imageRegistry $registry "HOST[:PORT][/PATH] without https:// before it, such as registry.example:5000") }}
{{- include "camera-ingest.match" (list "image.registry" .Values.image.registry $registry "HOST[:PORT][/PATH] without https:// before it, such as registry.example:5000") }}
{{- include "camera-ingest.match" (list "image.repository" .Values.image.repository $repository "lower-case letters and digits, with dots, dashes, underscores and slashes between them") }}
{{- end }}

{{/* The Deployment would be taken, and no pod of it ever made. */}}
{{- define "camera-ingest.refuseResources" -}}
{{- $requests := default dict .Values.resources.requests }}
{{- $limits := default dict .Values.resources.limits }}
{{- range $name, $amount := dict "cpu" "camera-ingest.millicores" "memory" "camera-ingest.bytes" "ephemeral-storage" "camera-ingest.bytes" }}
{{- if and (hasKey $requests $name) (hasKey $limits $name) }}
{{- $request := index $requests $name }}
{{- $limit := index $limits $name }}
{{- if gt (include $amount $request | int64) (include $amount $limit | int64) }}
{{- fail (printf "resources.requests.%s: want no more than limits.%s, %s, found %s" $name $name (include "camera-ingest.text" $limit) (include "camera-ingest.text" $request)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "camera-ingest.refuseCidrs" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $cidrs := dict -}}
{{- range $name, $cidr := $policy.cameraCidrs }}
{{- $_ := set $cidrs (printf "cameraCidrs.%s" $name) $cidr }}
{{- end }}
{{- range $name, $sink := $policy.sinkCidrs }}
{{- $_ := set $cidrs (printf "sinkCidrs.%s.cidr" $name) $sink.cidr }}
{{- end }}
{{- range $key, $cidr := $cidrs }}
{{- if not (regexMatch "^([0-9]+\\.[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*)/[0-9]+$" $cidr) }}
{{- fail (printf "networkPolicy.%s: want addresses such as 192.168.1.20/32 for one or 10.20.0.0/24 for a network, found %q" $key $cidr) }}
{{- end }}
{{- $mask := regexFind "[0-9]+$" $cidr | float64 }}
{{- if or (gt $mask (ternary 128.0 32.0 (contains ":" $cidr))) (include "camera-ingest.noAddress" (regexReplaceAll "/.*$" $cidr "")) }}
{{- fail (printf "networkPolicy.%s: want four numbers of 0 to 255 and a mask of at most 32 (IPv6: 128), found %q" $key $cidr) }}
{{- end }}
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
{{- $size := include "camera-ingest.bytes" $values.persistence.size | int64 -}}
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
{{- fail (printf "persistence.size: want room for %s, found %s (%d bytes); raise it, or lower these" (join " and " $parts) (include "camera-ingest.text" $values.persistence.size) $size) }}
{{- end }}
{{- end }}
