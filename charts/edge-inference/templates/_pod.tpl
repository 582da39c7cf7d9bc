{{/* What all pods of a track share: the service, its preflight and its test. */}}

{{/* (list . track): environment of the service. Threads are not here: the service reads its CPU limit itself. */}}
{{- define "edge-inference.env" -}}
{{- $values := (index . 0).Values -}}
{{- $track := index . 1 -}}
- name: EDGE_EXPECT_NAME
  value: {{ $track.name | quote }}
- name: EDGE_EXPECT_VERSION
  value: {{ $track.version | quote }}
{{- with $track.sha256 }}
- name: EDGE_EXPECT_SHA256
  value: {{ . | quote }}
{{- end }}
{{- if $values.graphCache.enabled }}
- name: EDGE_CACHE_DIR
  value: /cache
{{- end }}
{{- range $key, $value := $values.settings }}
- name: EDGE_{{ snakecase $key | upper }}
  value: {{ include "edge-inference.text" $value | quote }}
{{- end }}
{{- range $key, $value := $values.extraEnv }}
- name: {{ $key | quote }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A value as text; a whole number never in exponent form, as 16777216 would be. */}}
{{- define "edge-inference.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- define "edge-inference.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if (index . 0).Values.graphCache.enabled }}
- name: cache
  mountPath: /cache
{{- end }}
{{- include "edge-inference.modelMounts" . }}
{{- with (index . 0).Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "edge-inference.volumes" -}}
{{- $values := (index . 0).Values -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ include "edge-inference.text" $values.tmpSizeLimit | quote }}
{{- if $values.graphCache.enabled }}
- name: cache
  {{- if $values.graphCache.claim }}
  persistentVolumeClaim:
    claimName: {{ $values.graphCache.claim | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ include "edge-inference.text" $values.graphCache.sizeLimit | quote }}
  {{- end }}
{{- end }}
{{- include "edge-inference.modelVolumes" . }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list . track component): labels of a pod. No chart version: a new comment in the chart restarts nothing. */}}
{{- define "edge-inference.podLabels" -}}
{{- $track := index . 1 -}}
{{ include "edge-inference.selector" (list (index . 0) (index . 2)) }}
app.kubernetes.io/part-of: edge-serve
edge-serve/model: {{ $track.name | quote }}
edge-serve/model-version: {{ include "edge-inference.label" $track.version | quote }}
{{- with (index . 0).Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list . track): the part of a pod's spec that is the same in all of them. */}}
{{- define "edge-inference.podBase" -}}
{{- $values := (index . 0).Values -}}
automountServiceAccountToken: false
# A Service named edge-x would give EDGE_X_PORT=tcp://..., and an unknown EDGE_* stops the service.
enableServiceLinks: false
securityContext:
  {{- toYaml $values.podSecurityContext | nindent 2 }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  {{- range list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ . }}
    operator: Exists
    effect: NoExecute
    {{- if not (kindIs "invalid" $values.nodeLossTolerationSeconds) }}
    tolerationSeconds: {{ int $values.nodeLossTolerationSeconds }}
    {{- end }}
  {{- end }}
  {{- with $values.tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "edge-inference.volumes" . | nindent 2 }}
{{- end }}

{{/* (list . track): the container's fields that the service, its preflight and its test share. */}}
{{- define "edge-inference.containerBase" -}}
{{- $values := (index . 0).Values -}}
{{- $track := index . 1 -}}
image: {{ $track.image | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
securityContext:
  {{- toYaml $values.securityContext | nindent 2 }}
resources:
  {{- toYaml $track.resources | nindent 2 }}
volumeMounts:
  {{- include "edge-inference.volumeMounts" . | nindent 2 }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
