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
        cidr: {{ .cidr | quote }}
  ports:
    - port: {{ .port }}
{{- end }}
{{- end }}

{{/* (list . camera): ports of its address, as a policy lists them. */}}
{{- define "camera-ingest.cameraPorts" -}}
{{- $camera := index . 1 -}}
- port: {{ include "camera-ingest.port" $camera.url }}
{{- range $name, $port := (index . 0).Values.networkPolicy.cameraPorts }}
- port: {{ int $port }}
{{- end }}
{{- if and (hasPrefix "rtsp:" (lower $camera.url)) (eq (default "tcp" (default dict $camera.capture).transport) "udp") }}
# Camera and reader agree on their ports at run time.
- protocol: UDP
{{- end }}
{{- end }}

{{/* Where cameras are: `peers`, each a cidr and its ports. Of a host name that is the entry of cameraCidrs with the camera's name; those that
     have none are `named`, and are looked for in every entry that is of no camera. */}}
{{- define "camera-ingest.cameraPeers" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $peers := list -}}
{{- $named := list -}}
{{- $ports := list -}}
{{- $shared := deepCopy $policy.cameraCidrs -}}
{{- range $name, $camera := .Values.cameras }}
{{- if regexMatch "^(rtsp|https?)://" (lower $camera.url) }}
{{- $own := include "camera-ingest.cameraPorts" (list $ $camera) | fromYamlArray }}
{{- $address := include "camera-ingest.address" $camera.url }}
{{- with $address }}
{{- $peers = append $peers (dict "cidr" (include "camera-ingest.cidr" .) "ports" $own) }}
{{- end }}
{{- if hasKey $policy.cameraCidrs $name }}
{{- $peers = append $peers (dict "cidr" (get $policy.cameraCidrs $name) "ports" $own) }}
{{- $_ := unset $shared $name }}
{{- else if not $address }}
{{- $named = append $named $name }}
{{- $ports = uniq (concat $ports $own) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $named (not (or $shared $policy.extraEgress)) }}
{{- fail (printf "cameras.%s.url has a host name: set networkPolicy.cameraCidrs.%s to the CIDR where it is, since policies know no names; or networkPolicy.enabled=false" (first $named) (first $named)) }}
{{- end }}
{{- if $named }}
{{- range $name, $cidr := $shared }}
{{- $peers = append $peers (dict "cidr" $cidr "ports" $ports) }}
{{- end }}
{{- end }}
peers: {{ uniq $peers | toJson }}
named: {{ $named | toJson }}
{{- end }}

{{/* Of peers: a rule for all that want the same ports. */}}
{{- define "camera-ingest.cameraEgress" -}}
{{- $rules := dict -}}
{{- range . }}
{{- $ports := toJson .ports }}
{{- $_ := set $rules $ports (append (default list (get $rules $ports)) (dict "ipBlock" (dict "cidr" .cidr))) }}
{{- end }}
{{- range $ports, $to := $rules }}
- to:
    {{- toYaml $to | nindent 4 }}
  ports:
    {{- fromJsonArray $ports | toYaml | nindent 4 }}
{{- end }}
{{- end }}

{{/* Of peers: the CIDRs of those that are read over UDP, and send to a port of ours. */}}
{{- define "camera-ingest.udpCidrs" -}}
{{- $cidrs := list -}}
{{- range . }}
{{- if has (dict "protocol" "UDP") .ports }}
{{- $cidrs = append $cidrs .cidr }}
{{- end }}
{{- end }}
{{- uniq $cidrs | toJson -}}
{{- end }}

{{/* Where sinks are: `peers`; those with a host name and no entry of their own in sinkCidrs are `named`. */}}
{{- define "camera-ingest.sinkPeers" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $peers := list -}}
{{- $named := list -}}
{{- $shared := omit $policy.sinkCidrs "mqtt" "webhook" -}}
{{- range $name, $sink := $policy.sinkCidrs }}
{{- $peers = append $peers (dict "cidr" $sink.cidr "port" (int $sink.port)) }}
{{- end }}
{{- range $kind, $sink := .Values.sinks }}
{{- if and (kindIs "map" $sink) (index $sink "url") }}
{{- $address := include "camera-ingest.address" $sink.url }}
{{- if $address }}
{{- $peers = append $peers (dict "cidr" (include "camera-ingest.cidr" $address) "port" (include "camera-ingest.port" $sink.url | int)) }}
{{- else if not (hasKey $policy.sinkCidrs $kind) }}
{{- $named = append $named $kind }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $named (not (or $shared $policy.extraEgress)) }}
{{- fail (printf "sinks.%s.url has a host name: set networkPolicy.sinkCidrs.%s={cidr, port} or extraEgress to where it is, since policies know no names; or networkPolicy.enabled=false" (first $named) (first $named)) }}
{{- end }}
peers: {{ $peers | toJson }}
named: {{ $named | toJson }}
{{- end }}
