{{- define "edge-monitoring.grafanaProvisioning" -}}
datasources.yaml: |
  apiVersion: 1
  datasources:
    - name: Prometheus
      uid: prometheus
      type: prometheus
      access: proxy
      url: http://{{ include "edge-monitoring.named" (list . "-prometheus") }}:9090
      isDefault: true
      editable: false
      jsonData:
        httpMethod: POST
        # The shortest step that makes sense; $__rate_interval is four of it.
        timeInterval: {{ .Values.scrape.interval }}
        prometheusType: Prometheus
    {{- if .Values.alertmanager.enabled }}
    - name: Alertmanager
      uid: alertmanager
      type: alertmanager
      access: proxy
      url: http://{{ include "edge-monitoring.named" (list . "-alertmanager") }}:9093
      editable: false
      jsonData:
        implementation: prometheus
    {{- end }}
dashboards.yaml: |
  apiVersion: 1
  providers:
    - name: edge-serve
      folder: Edge
      type: file
      disableDeletion: true
      allowUiUpdates: false
      options:
        path: /etc/edge-serve/dashboards
{{- end }}

{{/* Names as Grafana has them: GF_SECTION_KEY. */}}
{{- define "edge-monitoring.grafanaEnv" -}}
{{- $fixed := dict
      "GF_SECURITY_ADMIN_PASSWORD" "$__file{/run/secrets/grafana/admin-password}"
      "GF_SECURITY_DISABLE_GRAVATAR" "true"
      "GF_AUTH_ANONYMOUS_ENABLED" "false"
      "GF_USERS_ALLOW_SIGN_UP" "false"
      "GF_ANALYTICS_REPORTING_ENABLED" "false"
      "GF_ANALYTICS_CHECK_FOR_UPDATES" "false"
      "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES" "false"
      "GF_NEWS_NEWS_FEED_ENABLED" "false"
      "GF_PLUGINS_PREINSTALL_DISABLED" "true"
      "GF_PLUGINS_PLUGIN_ADMIN_ENABLED" "false"
      "GF_UNIFIED_ALERTING_ENABLED" "false"
      "GF_LOG_MODE" "console"
      "GF_LOG_CONSOLE_FORMAT" "json" -}}
{{- with .rootUrl }}{{ $_ := set $fixed "GF_SERVER_ROOT_URL" . }}{{ end -}}
{{- range $name, $value := merge (deepCopy .extraEnv) $fixed }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- with .resources.limits.memory }}
- name: GOMEMLIMIT
  value: {{ div (mul (include "edge-monitoring.bytes" . | int64) 4) 5 | quote }}
{{- end }}
{{- end }}
