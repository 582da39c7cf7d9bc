{{/* Where the pod may go. A URL with an IPv4 address opens that address; a host name needs a CIDR in the values. */}}

{{- define "camera-ingest.dnsEgress" -}}
- to:
    - {{ toYaml .Values.networkPolicy.dns | indent 6 | trim }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}

{{/* The IPv4 address of a URL, or nothing. */}}
{{- define "camera-ingest.address" -}}
{{- $host := (urlParse .).hostname -}}
{{- if regexMatch "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$" $host }}{{ $host }}{{ end -}}
{{- end }}

{{- define "camera-ingest.cameraCidrs" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $cidrs := values $policy.cameraCidrs -}}
{{- range $name, $camera := .Values.cameras }}
{{- if regexMatch "^(rtsp|https?)://" (lower $camera.url) }}
{{- $address := include "camera-ingest.address" $camera.url }}
{{- if $address }}
{{- $cidrs = append $cidrs (printf "%s/32" $address) }}
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
{{- $ports := dict "mqtt" 1883 "mqtts" 8883 "http" 80 "https" 443 }}
{{- range $kind, $sink := .Values.sinks }}
{{- if and (kindIs "map" $sink) (index $sink "url") }}
{{- $address := include "camera-ingest.address" $sink.url }}
{{- if $address }}
{{- $parts := urlParse $sink.url }}
{{- $port := regexFind "[0-9]+$" (trimPrefix $parts.hostname $parts.host) }}
{{- $peers = append $peers (dict "cidr" (printf "%s/32" $address) "port" (int (default (index $ports $parts.scheme) $port))) }}
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
{{- if eq (dig "capture" "transport" "tcp" $camera) "udp" }}udp{{ end -}}
{{- end }}
{{- end }}
