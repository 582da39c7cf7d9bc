{{/* Names, labels, images and quantities. */}}

{{- define "edge-monitoring.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "edge-monitoring.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{/* (list . "-suffix"): the full name with a suffix, within 63 characters. */}}
{{- define "edge-monitoring.named" -}}
{{- $root := index . 0 -}}
{{- $suffix := index . 1 -}}
{{- $room := sub 63 (len $suffix) | int -}}
{{- include "edge-monitoring.fullname" $root | trunc $room | trimSuffix "-" }}{{ $suffix -}}
{{- end }}

{{- define "edge-monitoring.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end }}

{{- define "edge-monitoring.exporterNamespace" -}}
{{- default (include "edge-monitoring.namespace" .) .Values.nodeExporter.namespace -}}
{{- end }}

{{/* JSON list of the namespaces whose pods are scraped. A null takes the key away, so the schema does not see it. */}}
{{- define "edge-monitoring.watched" -}}
{{- required "namespaces is null: want a list with the namespaces of models and cameras, for instance [edge]" .Values.namespaces | toJson -}}
{{- end }}

{{/* (list . component): what never changes; selectors are immutable. */}}
{{- define "edge-monitoring.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "edge-monitoring.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list . component): labels of an object. */}}
{{- define "edge-monitoring.labels" -}}
{{- $root := index . 0 -}}
{{ include "edge-monitoring.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: edge-serve
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list . component): metadata of an object but its name; the caller gives the name. */}}
{{- define "edge-monitoring.metadata" -}}
namespace: {{ include "edge-monitoring.namespace" (index . 0) }}
labels:
  {{- include "edge-monitoring.labels" . | nindent 2 }}
{{- end }}

{{/* Prometheus's account; the other pods' is "-plain", and has no rights at all. */}}
{{- define "edge-monitoring.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "edge-monitoring.named" (list . "-prometheus")) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "edge-monitoring.plainAccountName" -}}
{{- ternary (include "edge-monitoring.named" (list . "-plain")) "default" .Values.serviceAccount.create -}}
{{- end }}

{{/* (list . image): registry/repository:tag, or @digest. */}}
{{- define "edge-monitoring.reference" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end -}}
{{- end }}

{{/* A size in bytes: 256Mi of Kubernetes, 1400MB of Prometheus, whose units are powers of 1024, too. */}}
{{- define "edge-monitoring.bytes" -}}
{{- $unit := regexFind "[KMGT]" . -}}
{{- $power := get (dict "K" 1024 "M" 1048576 "G" 1073741824 "T" 1099511627776) $unit -}}
{{- mul (regexFind "^[0-9]+" . | int64) (int64 (default 1 $power)) -}}
{{- end }}

{{/* Bytes of Kubernetes' quantities: a number, or a text such as 512Mi, 1.5G or 1e9. */}}
{{- define "edge-monitoring.amount" -}}
{{- if kindIs "string" . -}}
{{- $factors := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $number := regexFind "^[0-9.]+(e[0-9]+)?" . -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number .)) | int64 -}}
{{- else -}}
{{- int64 . -}}
{{- end -}}
{{- end }}

{{/* Thousandths of a core: a number, or a text such as 250m or 1.5. */}}
{{- define "edge-monitoring.millicores" -}}
{{- $text := toString . -}}
{{- mulf (trimSuffix "m" $text | float64) (ternary 1 1000 (hasSuffix "m" $text)) | ceil | int64 -}}
{{- end }}

{{/* Seconds of 15s or 2m. */}}
{{- define "edge-monitoring.seconds" -}}
{{- mul (regexFind "^[0-9]+" . | int64) (ternary 60 1 (hasSuffix "m" .)) -}}
{{- end }}

{{- define "edge-monitoring.standalone" -}}
{{- if eq .Values.mode "standalone" }}yes{{ end -}}
{{- end }}

{{/* Of what has no namespace: two releases of one name may be in two namespaces. */}}
{{- define "edge-monitoring.clusterName" -}}
{{- printf "%s-%s-cadvisor" (include "edge-monitoring.namespace" .) (include "edge-monitoring.fullname" .) -}}
{{- end }}
