{{/* files/alertmanager.yaml, with alertmanager.config laid over it. */}}
{{- define "edge-monitoring.alertmanagerConfig" -}}
{{- $file := .Files.Get "files/alertmanager.yaml" | fromYaml -}}
{{- mergeOverwrite $file (deepCopy .Values.alertmanager.config) | toYaml -}}
{{- end }}

{{- define "edge-monitoring.alertmanagerRefusals" -}}
{{- $own := .Values.alertmanager -}}
{{- if and $own.config $own.existingSecret }}
{{- fail "alertmanager.config and alertmanager.existingSecret: choose one, the Secret holds the whole configuration" }}
{{- end }}
{{- if and (not $own.enabled) (or $own.config $own.existingSecret $own.receiverSecret $own.receiverCidrs) }}
{{- fail "alertmanager.enabled=false, but alertmanager.config, existingSecret, receiverSecret or receiverCidrs is set: nothing would read it" }}
{{- end }}
{{- $config := include "edge-monitoring.alertmanagerConfig" . | fromYaml -}}
{{- $names := list -}}
{{- $tells := ternary "existingSecret" "" (not (empty $own.existingSecret)) -}}
{{- range default list $config.receivers }}
{{- $names = append $names .name }}
{{- if omit . "name" }}{{ $tells = printf "config.receivers (%s)" .name }}{{ end }}
{{- end }}
{{- include "edge-monitoring.routed" (list $config.route $names) }}
{{- if and $tells .Values.networkPolicy.enabled (not $own.receiverCidrs) }}
{{- fail (printf "alertmanager.%s is set, but alertmanager.receiverCidrs is empty: the NetworkPolicy would let no message out; name there where the receivers are, as {name: {cidr: 10.20.0.5/32, port: 443}}, or set networkPolicy.enabled=false" $tells) }}
{{- end }}
{{- end }}

{{/* (list route names): every receiver that a route names is there. */}}
{{- define "edge-monitoring.routed" -}}
{{- $route := default dict (index . 0) -}}
{{- $names := index . 1 -}}
{{- with $route.receiver }}
{{- if not (has . $names) }}
{{- fail (printf "alertmanager.config.receivers has %s, but a route tells %q: add {name: %s}; lists replace lists, and without it Alertmanager would not start" (join ", " $names | default "nobody at all") . .) }}
{{- end }}
{{- end }}
{{- range default list $route.routes }}
{{- include "edge-monitoring.routed" (list . $names) }}
{{- end }}
{{- end }}
