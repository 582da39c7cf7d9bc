{{/* Names, labels and images. */}}

{{/* A text as the value of a label: within 63 characters, no `+`, and a letter or digit at its end, wherever it was cut. */}}
{{- define "edge-inference.label" -}}
{{- regexReplaceAll "[-_.]+$" (. | replace "+" "_" | trunc 63) "" -}}
{{- end }}

{{- define "edge-inference.name" -}}
{{- include "edge-inference.label" (default .Chart.Name .Values.nameOverride) -}}
{{- end }}

{{/* The release's name: one release is one model, and clients find it as http://RELEASE:8080. */}}
{{- define "edge-inference.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{/* (list . "-suffix"): the full name with a suffix, within 63 characters. */}}
{{- define "edge-inference.named" -}}
{{- $root := index . 0 -}}
{{- $suffix := index . 1 -}}
{{- $room := sub 63 (len $suffix) | int -}}
{{- include "edge-inference.fullname" $root | trunc $room | trimSuffix "-" }}{{ $suffix -}}
{{- end }}

{{- define "edge-inference.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end }}

{{/* (list . component): what never changes; selectors are immutable. */}}
{{- define "edge-inference.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "edge-inference.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list . component): labels of an object. */}}
{{- define "edge-inference.labels" -}}
{{- $root := index . 0 -}}
{{ include "edge-inference.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: edge-serve
app.kubernetes.io/managed-by: {{ $root.Release.Service | quote }}
helm.sh/chart: {{ include "edge-inference.label" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) | quote }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list . component): metadata of an object but its name; the caller gives the name. */}}
{{- define "edge-inference.metadata" -}}
namespace: {{ include "edge-inference.namespace" (index . 0) | quote }}
labels:
  {{- include "edge-inference.labels" . | nindent 2 }}
{{- end }}

{{- define "edge-inference.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "edge-inference.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* (list . image): registry/repository:tag, or @digest. */}}
{{- define "edge-inference.reference" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end -}}
{{- end }}

{{/* The least `--timeout` of Helm that makes sense, in seconds: it holds for each hook, and for the wait on the pods; half a minute is for
     what the cluster does around them. */}}
{{- define "edge-inference.timeout" -}}
{{- $start := .Values.probes.startup -}}
{{- $longest := add (int $start.initialDelaySeconds) (mul (int $start.periodSeconds) (int $start.failureThreshold)) (int .Values.minReadySeconds) -}}
{{- if .Values.preflight.enabled -}}
{{- $longest = max $longest (int .Values.preflight.activeDeadlineSeconds) -}}
{{- end -}}
{{- if .Values.guard.enabled -}}
{{- $longest = max $longest (int .Values.guard.activeDeadlineSeconds) -}}
{{- end -}}
{{- add $longest 30 -}}
{{- end }}

{{/* Bytes of a quantity: a number, or a text such as 512Mi, 1.5G or 1e9. */}}
{{- define "edge-inference.bytes" -}}
{{- if kindIs "string" . -}}
{{- $factors := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $number := regexFind "^[0-9.]+(e[0-9]+)?" . -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number .)) | int64 -}}
{{- else -}}
{{- int64 . -}}
{{- end -}}
{{- end }}

{{/* Thousandths of a core: a number, or a text such as 250m or 1.5; what is less than one counts as one. */}}
{{- define "edge-inference.millicores" -}}
{{- $text := toString . -}}
{{- mulf (trimSuffix "m" $text | float64) (ternary 1 1000 (hasSuffix "m" $text)) | ceil | int64 -}}
{{- end }}

{{/* (list text model): {name} and {version} filled in. */}}
{{- define "edge-inference.fill" -}}
{{- $model := index . 1 -}}
{{- index . 0 | replace "{name}" $model.name | replace "{version}" $model.version -}}
{{- end }}

{{/* (list . "stable"|"candidate"): YAML with all that differs between the two; parsed by its callers. */}}
{{- define "edge-inference.track" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $stable := eq (index . 1) "stable" -}}
{{- $name := default $root.Release.Name $values.model.name -}}
{{- $version := $values.model.version -}}
{{- if $stable -}}
  {{- $version = required "model.version is required: the model's version, as in its model.toml; for instance --set model.version=1.0.0" $version -}}
{{- else -}}
  {{- $version = required "candidate.version is required while candidate.enabled: the version to try beside the stable one" $values.candidate.version -}}
{{- end -}}
{{- $layer := eq $values.model.source "image" -}}
{{- $image := dict "registry" $values.image.registry "repository" (default (ternary (printf "edge-model-%s" $name) "edge-inference" $layer) $values.image.repository) -}}
{{- $tag := ternary $values.image.tag $values.candidate.tag $stable -}}
{{- $_ := set $image "tag" (default (ternary $version $root.Chart.AppVersion $layer) $tag | replace "+" "_") -}}
{{- $_ := set $image "digest" (ternary $values.image.digest $values.candidate.digest $stable) -}}
name: {{ $name | quote }}
version: {{ $version | quote }}
sha256: {{ ternary $values.model.sha256 $values.candidate.sha256 $stable | quote }}
ociDigest: {{ ternary $values.model.oci.digest $values.candidate.ociDigest $stable | quote }}
image: {{ include "edge-inference.reference" (list $root $image) | quote }}
component: {{ ternary "inference" "candidate" $stable }}
suffix: {{ ternary "" "-candidate" $stable | quote }}
resources:
  {{- toYaml (ternary $values.resources (mergeOverwrite (deepCopy $values.resources) $values.candidate.resources) $stable) | nindent 2 }}
{{- end }}
