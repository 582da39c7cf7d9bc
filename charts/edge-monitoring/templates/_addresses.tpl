{{/* Addresses: what Kubernetes or Prometheus would refuse, or what would open nothing. */}}

{{- define "edge-monitoring.refuseAddresses" -}}
{{- $values := .Values -}}
{{- $cidrs := dict -}}
{{- range $key, $named := dict
      "scrape.uplink.cidrs" $values.scrape.uplink.cidrs
      "prometheus.remoteWrite.cidrs" $values.prometheus.remoteWrite.cidrs
      "networkPolicy.apiServerCidrs" $values.networkPolicy.apiServerCidrs
      "networkPolicy.nodeCidrs" $values.networkPolicy.nodeCidrs }}
{{- range $name, $cidr := $named }}{{ $_ := set $cidrs (printf "%s.%s" $key $name) $cidr }}{{ end }}
{{- end }}
{{- range $name, $receiver := $values.alertmanager.receiverCidrs }}
{{- $_ := set $cidrs (printf "alertmanager.receiverCidrs.%s.cidr" $name) $receiver.cidr }}
{{- end }}
{{- range $other, $told := $values.alertmanager.others }}
{{- range $name, $cidr := $told.cidrs }}{{ $_ := set $cidrs (printf "alertmanager.others.%s.cidrs.%s" $other $name) $cidr }}{{ end }}
{{- end }}
{{- range $key, $peers := dict "clients" $values.networkPolicy.clients "queryClients" $values.networkPolicy.queryClients }}
{{- range $name, $peer := $peers }}
{{- with $peer.ipBlock }}{{ $_ := set $cidrs (printf "networkPolicy.%s.%s.ipBlock.cidr" $key $name) .cidr }}{{ end }}
{{- end }}
{{- end }}
{{- range $key, $cidr := $cidrs }}
{{- include "edge-monitoring.refuseCidr" (list $key $cidr) }}
{{- end }}
{{- end }}

{{/* (list key cidr). A null takes a default away. */}}
{{- define "edge-monitoring.refuseCidr" -}}
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

{{/* (list key host port) of a URL. */}}
{{- define "edge-monitoring.refuseHost" -}}
{{- $number := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" -}}
{{- $host := index . 1 -}}
{{- if and (regexMatch "^[0-9.]*$" $host) (not (regexMatch (printf "^(%s\\.){3}%s$" $number $number) $host)) }}
{{- fail (printf "%s: want a host's name or four numbers of 0 to 255, found %q" (index . 0) $host) }}
{{- end }}
{{- $port := index . 2 | atoi -}}
{{- if or (lt $port 1) (gt $port 65535) }}
{{- fail (printf "%s: want a port of 1 to 65535, found %s" (index . 0) (index . 2)) }}
{{- end }}
{{- end }}

{{/* (list . url cidrs key): YAML with scheme, host, port, path and CIDRs of somebody outside; parsed by its callers. */}}
{{- define "edge-monitoring.way" -}}
{{- $root := index . 0 -}}
{{- $url := urlParse (index . 1) -}}
{{- $cidrs := default dict (index . 2) | values -}}
{{- $host := regexReplaceAll ":[0-9]+$" $url.host "" -}}
{{- $port := default (ternary "443" "80" (eq $url.scheme "https")) (regexFind ":[0-9]+$" $url.host | trimPrefix ":") -}}
{{- include "edge-monitoring.refuseHost" (list (printf "%s.url" (index . 3)) $host $port) -}}
{{- if and (not $cidrs) (regexMatch "^[0-9]+(\\.[0-9]+){3}$" $host) -}}
{{- $cidrs = list (printf "%s/32" $host) -}}
{{- end -}}
{{- if and (not $cidrs) $root.Values.networkPolicy.enabled -}}
{{- fail (printf "%s: set its cidrs (name: CIDR) to the addresses of %s, or networkPolicy.enabled=false" (index . 3) $host) -}}
{{- end -}}
scheme: {{ $url.scheme }}
host: {{ $host | quote }}
port: {{ $port }}
path: {{ trimSuffix "/" $url.path | quote }}
cidrs: {{ sortAlpha $cidrs | toJson }}
{{- end }}
