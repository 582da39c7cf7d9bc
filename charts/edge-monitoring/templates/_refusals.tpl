{{/* Values that Kubernetes or a program would refuse later, or that nothing would read. */}}

{{/* (list key value pattern wanted): a text that is set has to match. */}}
{{- define "edge-monitoring.match" -}}
{{- $value := index . 1 -}}
{{- if and $value (not (regexMatch (index . 2) $value)) }}
{{- fail (printf "%s: want %s, found %s" (index . 0) (index . 3) (quote $value)) }}
{{- end }}
{{- end }}

{{- define "edge-monitoring.refuseName" -}}
{{- if not .Values.fullnameOverride }}
{{- include "edge-monitoring.match" (list "release name" .Release.Name "^[a-z]([-a-z0-9]*[a-z0-9])?$" "a letter first, then lower-case letters, digits and dashes, no dash at the end, at most 53 in all: the Services are named after it; choose another, or set fullnameOverride") }}
{{- end }}
{{- end }}

{{/* Prometheus compiles them at its start. `(?:...)?` matches nothing, too, so that only one that does not compile finds nothing here. */}}
{{- define "edge-monitoring.refuseExpressions" -}}
{{- range $key, $expression := dict "cadvisor.keep" .Values.cadvisor.keep "prometheus.remoteWrite.keep" .Values.prometheus.remoteWrite.keep }}
{{- if not (regexMatch (printf "^(?:%s)?$" $expression) "") }}
{{- fail (printf "%s: want a regular expression as Go has them, found %q, which does not compile: Prometheus would not start" $key $expression) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of a label given twice the last counts: selectors would find nothing, and Helm not its own objects. */}}
{{- define "edge-monitoring.refuseLabels" -}}
{{- $own := list "name" "instance" "component" "part-of" -}}
{{- $text := "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?" -}}
{{- range $key, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "operator.labels" .Values.operator.labels "nodeSelector" .Values.nodeSelector }}
{{- range $name, $value := $labels }}
{{- if not (regexMatch (printf "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?%s$" $text) $name) }}
{{- fail (printf "%s: want names of labels: letters, digits, dashes, underscores and dots, a domain and / before it or not; found %q" $key $name) }}
{{- end }}
{{- include "edge-monitoring.match" (list (printf "%s.%s" $key $name) $value (printf "^%s$" $text) "a label's value: at most 63 letters, digits, dashes, underscores and dots, a letter or digit at both ends") }}
{{- end }}
{{- end }}
{{- range $key, $more := dict "commonLabels" (list "version" "managed-by") "podLabels" list }}
{{- range $name, $value := index $.Values $key }}
{{- if or (eq $name "helm.sh/chart") (and (hasPrefix "app.kubernetes.io/" $name) (has (trimPrefix "app.kubernetes.io/" $name) (concat $own $more))) }}
{{- fail (printf "%s: want labels of your own, found %s, which the chart sets: leave it out, or set nameOverride" $key $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Deployment would be taken, and no pod of it ever made. */}}
{{- define "edge-monitoring.refuseResources" -}}
{{- range $key := list "prometheus" "alertmanager" "grafana" "nodeExporter" }}
{{- $resources := (index $.Values $key).resources }}
{{- $requests := default dict $resources.requests }}
{{- $limits := default dict $resources.limits }}
{{- range $name, $amount := dict "cpu" "edge-monitoring.millicores" "memory" "edge-monitoring.amount" "ephemeral-storage" "edge-monitoring.amount" }}
{{- if and (hasKey $requests $name) (hasKey $limits $name) }}
{{- $request := index $requests $name }}
{{- $limit := index $limits $name }}
{{- if gt (include $amount $request | int64) (include $amount $limit | int64) }}
{{- fail (printf "%s.resources.requests.%s: want no more than limits.%s, %v, found %v" $key $name $name $limit $request) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* With mode standalone. */}}
{{- define "edge-monitoring.refuseUnread" -}}
{{- $volume := .Values.prometheus.persistence -}}
{{- $remote := .Values.prometheus.remoteWrite -}}
{{- $uplink := .Values.scrape.uplink -}}
{{- $grafana := .Values.grafana -}}
{{- include "edge-monitoring.idle" (list (not $volume.enabled) "prometheus.persistence.enabled=false" "prometheus.persistence." (pick $volume "existingClaim" "storageClass")) }}
{{- include "edge-monitoring.idle" (list (not (empty $volume.existingClaim)) "prometheus.persistence.existingClaim is set" "prometheus.persistence." (pick $volume "storageClass")) }}
{{- include "edge-monitoring.idle" (list (empty $remote.url) "prometheus.remoteWrite.url is empty" "prometheus.remoteWrite." (pick $remote "cidrs" "username" "existingSecret" "caKey" "keep")) }}
{{- include "edge-monitoring.idle" (list (empty $uplink.url) "scrape.uplink.url is empty" "scrape.uplink." (pick $uplink "cidrs")) }}
{{- include "edge-monitoring.idle" (list (not $grafana.enabled) "grafana.enabled=false" "grafana." (pick $grafana "existingSecret" "rootUrl" "extraEnv")) }}
{{- include "edge-monitoring.idle" (list (not $grafana.enabled) "grafana.enabled=false" "grafana.service." (dict "nodePort" $grafana.service.nodePort "type" (ne $grafana.service.type "ClusterIP"))) }}
{{- include "edge-monitoring.idle" (list (ne $grafana.service.type "NodePort") (printf "grafana.service.type=%s" $grafana.service.type) "grafana.service." (pick $grafana.service "nodePort")) }}
{{- end }}

{{/* (list idle why prefix values): while `idle`, none of these may be set. */}}
{{- define "edge-monitoring.idle" -}}
{{- if index . 0 }}
{{- $why := index . 1 }}
{{- $prefix := index . 2 }}
{{- range $key, $value := index . 3 }}
{{- if $value }}
{{- fail (printf "%s%s is set, but %s: nothing would read it" $prefix $key $why) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
