{{/* What the schema cannot say, or only as a regular expression that nobody reads. Included by the Deployment, so that every install
     and upgrade meets it. */}}
{{- define "edge-inference.refusals" -}}
{{- include "edge-inference.refuseNames" . }}
{{- include "edge-inference.refuseVersions" . }}
{{- include "edge-inference.refuseReferences" . }}
{{- include "edge-inference.refuseResources" . }}
{{- include "edge-inference.refuseLabels" . }}
{{- include "edge-inference.refuseRollout" . }}
{{- include "edge-inference.refuseSources" . }}
{{- end }}

{{/* (list key value pattern wanted): a text that is set has to match. */}}
{{- define "edge-inference.match" -}}
{{- $value := index . 1 -}}
{{- if and $value (not (regexMatch (index . 2) $value)) }}
{{- fail (printf "%s: want %s, found %s" (index . 0) (index . 3) (quote $value)) }}
{{- end }}
{{- end }}

{{- define "edge-inference.refuseNames" -}}
{{- range $key, $value := dict "model.name" .Values.model.name "nameOverride" .Values.nameOverride "namespaceOverride" .Values.namespaceOverride }}
{{- include "edge-inference.match" (list $key $value "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" "at most 63 lower-case letters, digits and dashes, no dash at the ends") }}
{{- end }}
{{- $service := "a letter first, then lower-case letters, digits and dashes, no dash at the end, at most 53 in all: the Service is named after it" }}
{{- include "edge-inference.match" (list "fullnameOverride" .Values.fullnameOverride "^[a-z]([-a-z0-9]{0,51}[a-z0-9])?$" $service) }}
{{- if not .Values.fullnameOverride }}
{{- include "edge-inference.match" (list "release name" .Release.Name "^[a-z]([-a-z0-9]*[a-z0-9])?$" (printf "%s; choose another, or set fullnameOverride" $service)) }}
{{- end }}
{{- end }}

{{- define "edge-inference.refuseVersions" -}}
{{- $model := .Values.model -}}
{{- $candidate := .Values.candidate -}}
{{- range $key, $value := dict "model.version" $model.version "candidate.version" $candidate.version }}
{{- include "edge-inference.match" (list $key $value "^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$" "three numbers such as 1.0.0, as in the bundle's model.toml") }}
{{- end }}
{{- range $key, $value := dict "model.sha256" $model.sha256 "candidate.sha256" $candidate.sha256 }}
{{- include "edge-inference.match" (list $key $value "^[0-9a-f]{64}$" "64 digits and letters a to f, as `sha256sum model.onnx` prints them") }}
{{- end }}
{{- $digests := dict "image.digest" .Values.image.digest "model.oci.digest" $model.oci.digest "model.oci.image.digest" $model.oci.image.digest }}
{{- range $key, $value := merge $digests (dict "candidate.digest" $candidate.digest "candidate.ociDigest" $candidate.ociDigest) }}
{{- include "edge-inference.match" (list $key $value "^sha256:[0-9a-f]{64}$" "sha256: and 64 digits and letters a to f, as the registry names the image or artifact") }}
{{- end }}
{{- range $key, $value := dict "image.tag" .Values.image.tag "candidate.tag" $candidate.tag "model.oci.image.tag" $model.oci.image.tag }}
{{- if eq $value "latest" }}
{{- fail (printf "%s: want a tag that stays what it is, found \"latest\": a rollback would not know what it was" $key) }}
{{- end }}
{{- include "edge-inference.match" (list $key $value "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" "at most 128 letters, digits, dots, dashes and underscores") }}
{{- end }}
{{- end }}

{{/* Kubernetes would take the pod, and its image be no name that can be pulled. */}}
{{- define "edge-inference.refuseReferences" -}}
{{- $part := "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*" -}}
{{- $registry := replace "PART" $part "^(\\[[0-9A-Fa-f:]+\\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]+)?(/PART)*/?$" -}}
{{- $repository := replace "PART" $part "^([a-z0-9.-]+:[0-9]+/)?PART(/PART)*$" -}}
{{- include "edge-inference.match" (list "global.imageRegistry" .Values.global.imageRegistry $registry "HOST[:PORT][/PATH] without https:// before it, such as registry.example:5000") }}
{{- range $key, $image := dict "image" .Values.image "model.oci.image" .Values.model.oci.image "guard.image" .Values.guard.image }}
{{- include "edge-inference.match" (list (printf "%s.registry" $key) $image.registry $registry "HOST[:PORT][/PATH] without https:// before it, such as registry.example:5000") }}
{{- include "edge-inference.match" (list (printf "%s.repository" $key) $image.repository $repository "lower-case letters and digits, with dots, dashes, underscores and slashes between them") }}
{{- end }}
{{- end }}

{{/* The Deployment would be taken, and no pod of it ever made. */}}
{{- define "edge-inference.refuseResources" -}}
{{- $candidate := mergeOverwrite (deepCopy .Values.resources) (deepCopy .Values.candidate.resources) -}}
{{- $every := list (list "resources" .Values.resources) (list "candidate.resources" $candidate) (list "test.resources" .Values.test.resources) (list "guard.resources" .Values.guard.resources) -}}
{{- range $each := $every }}
{{- $key := index $each 0 }}
{{- $requests := default dict (index $each 1).requests }}
{{- $limits := default dict (index $each 1).limits }}
{{- range $name, $amount := dict "cpu" "edge-inference.millicores" "memory" "edge-inference.bytes" "ephemeral-storage" "edge-inference.bytes" }}
{{- if and (hasKey $requests $name) (hasKey $limits $name) }}
{{- $request := index $requests $name }}
{{- $limit := index $limits $name }}
{{- if gt (include $amount $request | int64) (include $amount $limit | int64) }}
{{- fail (printf "%s.requests.%s: want no more than limits.%s, %s, found %s" $key $name $name (include "edge-inference.text" $limit) (include "edge-inference.text" $request)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of a label given twice the last counts: selectors would find nothing, and Helm not its own objects. */}}
{{- define "edge-inference.refuseLabels" -}}
{{- $own := list "name" "instance" "component" "part-of" -}}
{{- range $key, $value := .Values.podLabels }}
{{- if or (hasPrefix "edge-serve/" $key) (has (trimPrefix "app.kubernetes.io/" $key) $own) }}
{{- fail (printf "podLabels: want labels of your own, found %s, which the chart sets: selectors find the pods by such; leave it out, or set nameOverride" $key) }}
{{- end }}
{{- end }}
{{- range $key, $value := .Values.commonLabels }}
{{- if or (eq $key "helm.sh/chart") (has (trimPrefix "app.kubernetes.io/" $key) (concat $own (list "version" "managed-by"))) }}
{{- fail (printf "commonLabels: want labels of your own, found %s, which the chart sets: leave it out, or set nameOverride" $key) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "edge-inference.refuseRollout" -}}
{{- $strategy := .Values.strategy -}}
{{- $none := list "0" "0%" -}}
{{- if and (eq $strategy.type "RollingUpdate") (has (toString $strategy.maxSurge) $none) (has (toString $strategy.maxUnavailable) $none) }}
{{- fail "strategy: want maxSurge or maxUnavailable above 0, found both 0: no pod could ever be replaced; maxSurge=1 with room for two models, else maxUnavailable=1" }}
{{- end }}
{{- if le (int .Values.progressDeadlineSeconds) (int .Values.minReadySeconds) }}
{{- fail (printf "progressDeadlineSeconds: want more than minReadySeconds, %d, found %d: no rollout would ever be in time" (int .Values.minReadySeconds) (int .Values.progressDeadlineSeconds)) }}
{{- end }}
{{- $preflight := .Values.preflight }}
{{- if and $preflight.enabled (ge (add (int $preflight.activeDeadlineSeconds) 30 | int) (int .Values.progressDeadlineSeconds)) }}
{{- fail (printf "preflight.activeDeadlineSeconds: want 30 s less than progressDeadlineSeconds, %d, or a still shorter time, found %d: Helm's --timeout has to lie between the two" (int .Values.progressDeadlineSeconds) (int $preflight.activeDeadlineSeconds)) }}
{{- end }}
{{- $guard := .Values.guard }}
{{- if and $guard.enabled (ge (add (int $guard.activeDeadlineSeconds) 30 | int) (int .Values.progressDeadlineSeconds)) }}
{{- fail (printf "guard.activeDeadlineSeconds: want 30 s less than progressDeadlineSeconds, %d, or a still shorter time, found %d: Helm's --timeout has to lie between the two" (int .Values.progressDeadlineSeconds) (int $guard.activeDeadlineSeconds)) }}
{{- end }}
{{- if and $preflight.enabled $preflight.rollback (or (eq $strategy.type "Recreate") (has (toString $strategy.maxSurge) $none)) }}
{{- fail "preflight.rollback: want it only with strategy.maxSurge above 0: without surge no pod answers after a failed upgrade, and a Job that finds no room would keep Helm from going back; leave it false and name the revision of a rollback" }}
{{- end }}
{{- end }}

{{/* (list key cidr). A null takes a default away. */}}
{{- define "edge-inference.refuseCidr" -}}
{{- $number := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" -}}
{{- $four := printf "(%s\\.){3}%s/(3[0-2]|[12]?[0-9])" $number $number -}}
{{- $group := "[0-9a-fA-F]{1,4}" -}}
{{- $some := printf "(%s(:%s){0,6})?" $group $group -}}
{{- $six := printf "((%s:){7}%s|%s::%s)/(12[0-8]|1[01][0-9]|[1-9]?[0-9])" $group $group $some $some -}}
{{- $cidr := index . 1 -}}
{{- if and (not (kindIs "invalid" $cidr)) (not (regexMatch (printf "^(%s|%s)$" $four $six) (toString $cidr))) }}
{{- fail (printf "%s: want addresses such as 192.168.1.20/32 for one or 10.20.0.0/24 for a network (four numbers of 0 to 255, a mask of at most 32; IPv6: 128), found %q" (index . 0) (toString $cidr)) }}
{{- end }}
{{- end }}

{{- define "edge-inference.refuseSources" -}}
{{- include "edge-inference.match" (list "model.volume.subPath" .Values.model.volume.subPath "^[^/]" "a folder in the volume, without / before it") }}
{{- range $name, $cidr := .Values.model.oci.registryCidrs }}
{{- include "edge-inference.refuseCidr" (list (printf "model.oci.registryCidrs.%s" $name) $cidr) }}
{{- end }}
{{- range $key, $value := .Values.extraEnv }}
{{- if hasPrefix "EDGE_" $key }}
{{- fail (printf "extraEnv: want no EDGE_*, found '%s': set settings.%s, where a typo is refused" $key (trimPrefix "EDGE_" $key | lower | camelcase | untitle)) }}
{{- end }}
{{- end }}
{{- end }}
