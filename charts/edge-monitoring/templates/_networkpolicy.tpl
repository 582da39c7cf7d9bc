{{/* (list . component): head of a policy for the pods of one component. */}}
{{- define "edge-monitoring.policy" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "edge-monitoring.named" (list $root (printf "-%s" (index . 1))) }}
  {{- include "edge-monitoring.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "edge-monitoring.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{/* (list . component): a pod of this release, as a peer in its own namespace. */}}
{{- define "edge-monitoring.peer" -}}
- podSelector:
    matchLabels:
      {{- include "edge-monitoring.selector" . | nindent 6 }}
{{- end }}

{{/* Peers of a map by name. */}}
{{- define "edge-monitoring.peers" -}}
{{- range $name, $peer := . }}
# {{ $name }}
- {{ toYaml $peer | indent 2 | trim }}
{{- end }}
{{- end }}

{{- define "edge-monitoring.dnsEgress" -}}
- to:
    - {{ toYaml .Values.networkPolicy.dns | indent 6 | trim }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}

{{/* (list cidrs ports): CIDRs by TCP. */}}
{{- define "edge-monitoring.cidrEgress" -}}
- to:
    {{- range index . 0 }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    {{- range index . 1 }}
    - port: {{ int . }}
    {{- end }}
{{- end }}

{{/* Those outside whom Prometheus asks, writes to or tells. */}}
{{- define "edge-monitoring.outsideEgress" -}}
{{- with .Values.scrape.uplink }}
{{- if .url }}
# scrape.uplink
{{- $way := include "edge-monitoring.way" (list $ .url .cidrs "scrape.uplink") | fromYaml }}
{{ include "edge-monitoring.cidrEgress" (list $way.cidrs (list $way.port)) }}
{{- end }}
{{- end }}
{{- $remote := .Values.prometheus.remoteWrite -}}
{{- if $remote.url }}
# remoteWrite
{{- $way := include "edge-monitoring.way" (list . $remote.url $remote.cidrs "prometheus.remoteWrite") | fromYaml }}
{{ include "edge-monitoring.cidrEgress" (list $way.cidrs (list $way.port)) }}
{{- end }}
{{- range $name, $other := .Values.alertmanager.others }}
# Alertmanager {{ $name }}
{{- $way := include "edge-monitoring.way" (list $ $other.url $other.cidrs (printf "alertmanager.others.%s" $name)) | fromYaml }}
{{ include "edge-monitoring.cidrEgress" (list $way.cidrs (list $way.port)) }}
{{- end }}
{{- end }}
