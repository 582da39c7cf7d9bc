{{/* Egress that a pod of this release needs to start: none, or its registry. */}}
{{- define "edge-inference.startEgress" -}}
{{- $oci := .Values.model.oci -}}
{{- if eq .Values.model.source "oci" }}
{{- if not $oci.registryCidrs }}
{{- fail "model.source=oci: set model.oci.registryCidrs (name: CIDR) to the registry's addresses, or networkPolicy.enabled=false" }}
{{- end }}
{{- include "edge-inference.dnsEgress" . }}
- to:
    {{- range $name, $cidr := $oci.registryCidrs }}
    - ipBlock:
        cidr: {{ $cidr | quote }}
    {{- end }}
  ports:
    - protocol: TCP
      port: {{ int $oci.registryPort }}
{{- end }}
{{- end }}

{{- define "edge-inference.dnsEgress" }}
- to:
    - {{ toYaml .Values.networkPolicy.dns | indent 6 | trim }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}
