{{/* Where the pod may go. A URL with an IP address opens that address; a host name needs a CIDR in the values. */}}

{{- define "camera-ingest.dnsEgress" -}}
- to:
    - {{ toYaml .Values.networkPolicy.dns | indent 6 | trim }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}

{{/* Where the model is: the address of its URL, or else the pods that networkPolicy.inference selects, on their own port. A policy
     sees a pod's port, not its Service's; that of the URL is open besides, for pods that listen on it. */}}
{{- define "camera-ingest.inferenceEgress" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $ports := list -}}
{{- $peers := list -}}
{{- range (include "camera-ingest.inferenceUrls" . | fromYaml).urls }}
{{- $port := include "camera-ingest.port" . | int }}
{{- $address := include "camera-ingest.address" . }}
{{- if $address }}
{{- $peers = append $peers (dict "cidr" (include "camera-ingest.cidr" $address) "port" $port) }}
{{- else }}
{{- $ports = append (append $ports (int $policy.inferencePort)) $port }}
{{- end }}
{{- end }}
{{- with uniq $ports }}
- to:
    - {{ toYaml $policy.inference | indent 6 | trim }}
  ports:
    {{- range . }}
    - port: {{ . }}
    {{- end }}
{{- end }}
{{- range uniq $peers }}
- to:
    - ipBlock:
        cidr: {{ .cidr }}
  ports:
    - port: {{ .port }}
{{- end }}
{{- end }}

{{- define "camera-ingest.cameraCidrs" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $cidrs := values $policy.cameraCidrs -}}
{{- range $name, $camera := .Values.cameras }}
{{- if regexMatch "^(rtsp|https?)://" (lower $camera.url) }}
{{- $address := include "camera-ingest.address" $camera.url }}
{{- if $address }}
{{- $cidrs = append $cidrs (include "camera-ingest.cidr" $address) }}
{{- else if not (or $policy.cameraCidrs $policy.extraEgress) }}
{{- fail (printf "cameras.%s.url has a host name: set networkPolicy.cameraCidrs (name: CIDR) to where it is, since policies know no names; or networkPolicy.enabled=false" $name) }}
{{- end }}
{{- end }}
{{- end }}
cidrs: {{ uniq $cidrs | sortAlpha | toJson }}
{{- end }}

{{- define "camera-ingest.sinkPeers" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $peers := list -}}
{{- range $name, $sink := $policy.sinkCidrs }}
{{- $peers = append $peers (dict "cidr" $sink.cidr "port" (int $sink.port)) }}
{{- end }}
{{- range $kind, $sink := .Values.sinks }}
{{- if and (kindIs "map" $sink) (index $sink "url") }}
{{- $address := include "camera-ingest.address" $sink.url }}
{{- if $address }}
{{- $peers = append $peers (dict "cidr" (include "camera-ingest.cidr" $address) "port" (include "camera-ingest.port" $sink.url | int)) }}
{{- else if not (or $policy.sinkCidrs $policy.extraEgress) }}
{{- fail (printf "sinks.%s.url has a host name: set networkPolicy.sinkCidrs (name: {cidr, port}) or extraEgress to where it is, since policies know no names; or networkPolicy.enabled=false" $kind) }}
{{- end }}
{{- end }}
{{- end }}
peers: {{ $peers | toJson }}
{{- end }}

{{/* Is a camera read over UDP? Then it sends to a port of ours. */}}
{{- define "camera-ingest.udp" -}}
{{- range $name, $camera := .Values.cameras }}
{{- if eq (default "tcp" (default dict $camera.capture).transport) "udp" }}udp{{ end -}}
{{- end }}
{{- end }}
