{{/* files/alertmanager.yaml, with alertmanager.config laid over it. */}}
{{- define "edge-monitoring.alertmanagerConfig" -}}
{{- $file := .Files.Get "files/alertmanager.yaml" | fromYaml -}}
{{- mergeOverwrite $file (deepCopy .Values.alertmanager.config) | toYaml -}}
{{- end }}

{{/* What tells somebody, or nothing. Of a Secret it is not known, and believed. */}}
{{- define "edge-monitoring.tells" -}}
{{- if .Values.alertmanager.existingSecret }}existingSecret
{{- else }}
{{- range default list (include "edge-monitoring.alertmanagerConfig" . | fromYaml).receivers }}
{{- if omit . "name" }}config.receivers ({{ .name }}) {{ end }}
{{- end }}
{{- end }}
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
{{- include "edge-monitoring.alertmanagerKeys" $config }}
{{- $names := list -}}
{{- range default list $config.receivers }}
{{- $names = append $names .name }}
{{- end }}
{{- include "edge-monitoring.routed" (list $config.route $names) }}
{{- $tells := include "edge-monitoring.tells" . | trim -}}
{{- if and $tells .Values.networkPolicy.enabled (not $own.receiverCidrs) }}
{{- fail (printf "alertmanager.%s is set, but alertmanager.receiverCidrs is empty: the NetworkPolicy would let no message out; name there where the receivers are, as {name: {cidr: 10.20.0.5/32, port: 443}}, or set networkPolicy.enabled=false" $tells) }}
{{- end }}
{{- include "edge-monitoring.idle" (list (empty $tells) "alertmanager.config.receivers tells nobody" "alertmanager." (pick $own "receiverSecret" "receiverCidrs")) }}
{{- end }}

{{/* Alertmanager does not start with a key that it does not know: those of 0.25 to 0.31. */}}
{{- define "edge-monitoring.alertmanagerKeys" -}}
{{- include "edge-monitoring.known" (list "alertmanager.config" . (list "global" "inhibit_rules" "mute_time_intervals" "receivers" "route" "templates" "time_intervals" "tracing")) }}
{{- $kinds := list "discord" "email" "incidentio" "jira" "mattermost" "msteams" "msteamsv2" "opsgenie" "pagerduty" "pushover" "rocketchat" "slack" "sns" "telegram" "victorops" "webex" "webhook" "wechat" -}}
{{- $keys := list "name" -}}
{{- range $kinds }}{{ $keys = append $keys (printf "%s_configs" .) }}{{ end }}
{{- range default list .receivers }}
{{- if not (and (kindIs "map" .) (get . "name")) }}
{{- fail (printf "alertmanager.config.receivers: want each with a name, found %s" (toJson .)) }}
{{- end }}
{{- $receiver := .name }}
{{- include "edge-monitoring.known" (list (printf "alertmanager.config.receivers (%s)" $receiver) . $keys) }}
{{- range $key, $each := omit . "name" }}
{{- if not (kindIs "slice" $each) }}
{{- fail (printf "alertmanager.config.receivers (%s): %s: want a list, as [{...}]" $receiver $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range default list .inhibit_rules }}
{{- include "edge-monitoring.known" (list "alertmanager.config.inhibit_rules" . (list "equal" "name" "source_match" "source_match_re" "source_matchers" "target_match" "target_match_re" "target_matchers")) }}
{{- end }}
{{- end }}

{{/* (list key map known). */}}
{{- define "edge-monitoring.known" -}}
{{- $key := index . 0 -}}
{{- $known := index . 2 -}}
{{- range $name, $value := index . 1 }}
{{- if not (has $name $known) }}
{{- fail (printf "%s: want keys that Alertmanager knows (%s), found %q: it would not start" $key (join ", " $known) $name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* (list route names): every receiver that a route names is there. */}}
{{- define "edge-monitoring.routed" -}}
{{- $route := default dict (index . 0) -}}
{{- $names := index . 1 -}}
{{- include "edge-monitoring.known" (list "alertmanager.config.route" $route (list "active_time_intervals" "continue" "group_by" "group_interval" "group_wait" "match" "match_re" "matchers" "mute_time_intervals" "receiver" "repeat_interval" "routes")) }}
{{- with $route.receiver }}
{{- if not (has . $names) }}
{{- fail (printf "alertmanager.config.receivers has %s, but a route tells %q: add {name: %s}; lists replace lists, and without it Alertmanager would not start" (join ", " $names | default "nobody at all") . .) }}
{{- end }}
{{- end }}
{{- range default list $route.routes }}
{{- include "edge-monitoring.routed" (list . $names) }}
{{- end }}
{{- end }}
