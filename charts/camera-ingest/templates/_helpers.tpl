{{/* Names, labels and images. */}}

{{- define "camera-ingest.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* The release's name: one release is one group of cameras. */}}
{{- define "camera-ingest.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{/* (list . "-suffix"): the full name with a suffix, within 63 characters. */}}
{{- define "camera-ingest.named" -}}
{{- $root := index . 0 -}}
{{- $suffix := index . 1 -}}
{{- $room := sub 63 (len $suffix) | int -}}
{{- include "camera-ingest.fullname" $root | trunc $room | trimSuffix "-" }}{{ $suffix -}}
{{- end }}

{{- define "camera-ingest.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end }}

{{/* (list . component): what never changes; selectors are immutable. */}}
{{- define "camera-ingest.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "camera-ingest.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list . component): labels of an object. */}}
{{- define "camera-ingest.labels" -}}
{{- $root := index . 0 -}}
{{ include "camera-ingest.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: edge-serve
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list . component): metadata of an object but its name; the caller gives the name. */}}
{{- define "camera-ingest.metadata" -}}
namespace: {{ include "camera-ingest.namespace" (index . 0) | quote }}
labels:
  {{- include "camera-ingest.labels" . | nindent 2 }}
{{- end }}

{{- define "camera-ingest.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "camera-ingest.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "camera-ingest.image" -}}
{{- $image := .Values.image -}}
{{- $registry := default $image.registry .Values.global.imageRegistry -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag | replace "+" "_" }}{{ end -}}
{{- end }}

{{/* Thousandths of a core: a number, or a text such as 250m or 1.5; what is less than one counts as one. */}}
{{- define "camera-ingest.millicores" -}}
{{- $text := toString . -}}
{{- mulf (trimSuffix "m" $text | float64) (ternary 1 1000 (hasSuffix "m" $text)) | ceil | int64 -}}
{{- end }}
