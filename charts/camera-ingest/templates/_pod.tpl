{{/* What the service, its preflight and its test share. */}}

{{- define "camera-ingest.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* Bytes of a quantity: a number, or a text such as 512Mi, 1.5G or 1e9. */}}
{{- define "camera-ingest.bytes" -}}
{{- if kindIs "string" . -}}
{{- $factors := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $number := regexFind "^[0-9.]+(e[0-9]+)?" . -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number .)) | int64 -}}
{{- else -}}
{{- int64 . -}}
{{- end -}}
{{- end }}

{{- define "camera-ingest.env" -}}
- name: EDGE_GATEWAY
  {{- if .Values.gateway }}
  value: {{ .Values.gateway | quote }}
  {{- else }}
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
  {{- end }}
- name: EDGE_PORT
  value: "8090"
- name: EDGE_METRICS_PORT
  value: "9091"
{{- range $key, $value := .Values.settings }}
- name: EDGE_{{ snakecase $key | upper }}
  value: {{ include "camera-ingest.text" $value | quote }}
{{- end }}
{{- range $key, $value := .Values.extraEnv }}
- name: {{ $key | quote }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Labels of a pod. No chart version: a new comment in the chart restarts nothing. */}}
{{- define "camera-ingest.podLabels" -}}
{{ include "camera-ingest.selector" . }}
app.kubernetes.io/part-of: edge-serve
{{- with (index . 0).Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "camera-ingest.podBase" -}}
{{- $values := .Values -}}
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
{{- end }}

{{/* (list . configMap optional): volumes that the service and its preflight share; may a Secret be missing? */}}
{{- define "camera-ingest.volumes" -}}
{{- $values := (index . 0).Values -}}
{{- $optional := index . 2 -}}
- name: config
  configMap:
    name: {{ index . 1 | quote }}
- name: tmp
  emptyDir:
    sizeLimit: {{ include "camera-ingest.text" $values.tmpSizeLimit | quote }}
{{- if $values.secretFiles }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $file := $values.secretFiles }}
      - secret:
          name: {{ $file.existingSecret | quote }}
          {{- if $optional }}
          optional: true
          {{- end }}
          items:
            - key: {{ $file.key | quote }}
              path: {{ $name | quote }}
      {{- end }}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "camera-ingest.volumeMounts" -}}
# The folder, never a subPath: a changed ConfigMap or Secret reaches the running process.
- name: config
  mountPath: /etc/edge
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if .Values.secretFiles }}
- name: secrets
  mountPath: /run/secrets
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "camera-ingest.containerBase" -}}
image: {{ include "camera-ingest.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of the preflight and the test: they read a file, or a page. */}}
{{- define "camera-ingest.smallResources" -}}
requests: {cpu: 50m, memory: 64Mi}
limits: {cpu: "1", memory: 256Mi}
{{- end }}
