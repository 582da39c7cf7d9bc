{{/* What URLs say of where the pod goes. */}}

{{/* The IP address of a URL, or nothing for a host name. */}}
{{- define "camera-ingest.address" -}}
{{- $host := regexReplaceAll "%.*$" (urlParse .).hostname "" -}}
{{- if regexMatch "^([0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*)$" $host }}{{ $host }}{{ end -}}
{{- end }}

{{/* `yes` for numbers with dots that are no IPv4 address: too few or many, one above 255, or with a zero before it. */}}
{{- define "camera-ingest.noAddress" -}}
{{- $number := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" -}}
{{- if and (not (contains ":" .)) (regexMatch "^[0-9]*\\.[0-9.]*$" .) (not (regexMatch (printf "^(%s\\.){3}%s$" $number $number) .)) }}yes{{ end -}}
{{- end }}

{{/* An address as a network of one. */}}
{{- define "camera-ingest.cidr" -}}
{{ . }}/{{ ternary 128 32 (contains ":" .) }}
{{- end }}

{{/* The port of a URL, or its scheme's. */}}
{{- define "camera-ingest.port" -}}
{{- $parts := urlParse . -}}
{{- $ports := dict "rtsp" 554 "mqtt" 1883 "mqtts" 8883 "http" 80 "https" 443 -}}
{{- /* After the host; the bracket ends an IPv6 address. */ -}}
{{- default (index $ports (lower $parts.scheme)) (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host)) | int -}}
{{- end }}

{{/* URLs of the service and, when there is one, of the candidate. */}}
{{- define "camera-ingest.inferenceUrls" -}}
{{- $urls := list (include "camera-ingest.inferenceUrl" .) -}}
{{- if .Values.inference.candidate.enabled -}}
{{- $urls = append $urls (include "camera-ingest.candidate" . | fromYaml).url -}}
{{- end -}}
urls: {{ $urls | toJson }}
{{- end }}

{{/* Is a URL sound? (list key url pattern wanted). The URL itself is not shown: a person may have put a password into it. */}}
{{- define "camera-ingest.sound" -}}
{{- $url := index . 1 -}}
{{- $host := "(\\[[0-9A-Fa-f:.]+(%[^\\]/]+)?\\]|[^\\[\\]/:@?#\\s\"<>\\\\]+)(:[0-9]+)?" -}}
{{- if not (regexMatch (replace "HOST" $host (index . 2)) $url) }}
{{- $scheme := regexFind "^[a-zA-Z][a-zA-Z0-9+.-]*://" $url }}
{{- fail (printf "%s: want %s, found %s" (index . 0) (index . 3) (ternary (printf "%s..." $scheme) "no scheme://" (ne $scheme ""))) }}
{{- end }}
{{- /* Sound so far: host and port may be shown, but for rtsp://USER:12345/6@HOST, where they are a user and a password. */ -}}
{{- $where := regexFind "^[^/?#]+" (regexReplaceAll "^[^:]*://" $url "") -}}
{{- $port := regexFind ":[0-9]+$" $where -}}
{{- $number := trimPrefix ":" $port | atoi -}}
{{- $told := ternary "another, not shown: there is an @ in the URL" "" (contains "@" $url) -}}
{{- if and $port (or (lt $number 1) (gt $number 65535)) }}
{{- fail (printf "%s: want a port of 1 to 65535, found %s" (index . 0) (default (trimPrefix ":" $port) $told)) }}
{{- end }}
{{- if include "camera-ingest.noAddress" (trimSuffix $port $where) }}
{{- fail (printf "%s: want an address of four numbers of 0 to 255, found %s" (index . 0) (default (trimSuffix $port $where) $told)) }}
{{- end }}
{{- end }}
