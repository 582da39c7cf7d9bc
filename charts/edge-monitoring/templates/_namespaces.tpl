{{/* Namespaces that have to be there. Nothing is known of them under `helm template`, where every lookup finds nothing. */}}

{{/* Otherwise a Role or a DaemonSet would be refused half way through an install. The release's own may be made by --create-namespace. */}}
{{- define "edge-monitoring.namespacesExist" -}}
{{- /* Who installs without these two needs no right outside the namespaces, and may not be allowed to look. */}}
{{- if and (or .Values.nodeExporter.enabled .Values.cadvisor.enabled) (lookup "v1" "Namespace" "" "kube-system") }}
{{- $wanted := dict (include "edge-monitoring.namespace" .) "namespaceOverride" -}}
{{- if .Values.nodeExporter.enabled }}
{{- $_ := set $wanted (include "edge-monitoring.exporterNamespace" .) "nodeExporter.namespace" }}
{{- end }}
{{- if include "edge-monitoring.standalone" . }}
{{- range include "edge-monitoring.watched" . | fromJsonArray }}{{ $_ := set $wanted . "namespaces" }}{{ end }}
{{- end }}
{{- range $name, $key := omit $wanted .Release.Namespace }}
{{- if not (lookup "v1" "Namespace" "" $name) }}
{{- fail (printf "%s: namespace %s does not exist, and something of this release goes there: kubectl create namespace %s" $key $name $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Otherwise the DaemonSet would be made, and its pods refused where only `kubectl get events` tells. */}}
{{- define "edge-monitoring.exporterAllowed" -}}
{{- if .Values.nodeExporter.enabled }}
{{- $name := include "edge-monitoring.exporterNamespace" . -}}
{{- $standard := dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" (lookup "v1" "Namespace" "" $name) -}}
{{- if has $standard (list "restricted" "baseline") }}
{{- fail (printf "nodeExporter: namespace %s enforces the Pod Security Standard %s, which forbids the host's folders: set nodeExporter.namespace to one that does not, or nodeExporter.enabled=false" $name $standard) }}
{{- end }}
{{- end }}
{{- end }}
