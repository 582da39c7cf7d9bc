{{/* What URLs say of where the pod goes. */}}

{{/* The IP address of a URL, or nothing for a host name. */}}
{{- define "camera-ingest.address" -}}
{{- $host := regexReplaceAll "%.*$" (urlParse .).hostname "" -}}
{{- if regexMatch "^([0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*)$" $host }}{{ $host }}{{ end -}}
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
{{- $host := "(\\[[0-9A-Fa-f:.]+(%[^\\]/]+)?\\]|[^\\[\\]/:@?#\\s\"<>\\\\]+)(:[0-9]{1,5})?" -}}
{{- if not (regexMatch (replace "HOST" $host (index . 2)) $url) }}
{{- $scheme := regexFind "^[a-zA-Z][a-zA-Z0-9+.-]*://" $url }}
{{- fail (printf "%s: want %s, found %s" (index . 0) (index . 3) (ternary (printf "%s..." $scheme) "no scheme://" (ne $scheme ""))) }}
{{- end }}
{{- end }}
