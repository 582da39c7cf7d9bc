{{/* What is scraped. The labels job, namespace, pod, node, release and track are those that rules and dashboards ask for; the
     operator's PodMonitors make the same ones. */}}

{{/* Relabelings of a pod, in Prometheus's spelling. */}}
{{- define "edge-monitoring.podRelabelings" -}}
- source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
  target_label: job
- source_labels: [__meta_kubernetes_namespace]
  target_label: namespace
- source_labels: [__meta_kubernetes_pod_name]
  target_label: pod
- source_labels: [__meta_kubernetes_pod_node_name]
  target_label: node
- source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_instance]
  target_label: release
# Of models alone: camera-ingest's own metrics say of which track they are.
- source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_label_app_kubernetes_io_component]
  regex: edge-inference;(.+)
  target_label: track
{{- end }}

{{- define "edge-monitoring.nodeRelabelings" -}}
- target_label: job
  replacement: node
- source_labels: [__meta_kubernetes_pod_node_name]
  target_label: node
{{- end }}

{{/* Of cAdvisor: the containers of our namespaces, and the node's own interfaces. */}}
{{- define "edge-monitoring.cadvisorMetricRelabelings" -}}
{{- $ours := append (include "edge-monitoring.watched" . | fromJsonArray) (include "edge-monitoring.namespace" .) | uniq | join "|" -}}
# The kubelet counts the node's own interfaces, too. Named as node-exporter names them, they spare it the host's
# network, where no NetworkPolicy guards its port.
- source_labels: [id, interface, __name__]
  regex: /;(.+);container_network_(receive|transmit)_(bytes|errors)_total
  target_label: device
  replacement: $1
- source_labels: [id, interface, __name__]
  regex: /;.+;container_network_(receive|transmit)_(bytes|errors)_total
  target_label: __name__
  replacement: node_network_${1}_${2}_total
- source_labels: [__name__, device]
  regex: node_network_.+;(veth|cali|flannel|cni|kube|lo|docker|br-).*
  action: drop
- source_labels: [__name__, namespace, container]
  regex: {{ printf "node_network_.+;;|(%s);(%s);.+" .Values.cadvisor.keep $ours | quote }}
  action: keep
- regex: name|image|interface
  action: labeldrop
{{- end }}

{{/* What Prometheus and Alertmanager say of themselves, of which most is for their developers. */}}
{{- define "edge-monitoring.selfKeep" -}}
process_.+|go_memstats_(heap_inuse|sys)_bytes|prometheus_(build_info|config_last_reload_successful|ready|tsdb_(head_series|head_chunks|storage_blocks_bytes|wal_storage_size_bytes|wal_corruptions_total|compactions_failed_total|reloads_failures_total|size_retentions_total)|rule_evaluation_failures_total|rule_group_(iterations_missed_total|last_duration_seconds)|target_scrapes_exceeded_sample_limit_total|remote_storage_.+|wal_watcher_.+|notifications_(dropped|errors|sent|queue_length|alertmanagers_discovered).*)|alertmanager_(build_info|alerts|silences|config_last_reload_successful|notifications_(failed_)?total)
{{- end }}

{{/* prometheus.yml: keys that Prometheus 2.42 and 3 both know. */}}
{{- define "edge-monitoring.prometheusConfig" -}}
{{- $values := .Values -}}
global:
  scrape_interval: {{ $values.scrape.interval }}
  scrape_timeout: {{ $values.scrape.timeout }}
  evaluation_interval: {{ $values.rules.interval }}
  external_labels:
    gateway: {{ $values.gateway | quote }}
    {{- range $name, $label := $values.externalLabels }}
    {{ $name }}: {{ $label | quote }}
    {{- end }}
{{- if $values.rules.enabled }}
rule_files: [/etc/edge-serve/rules/*.yaml]
{{- end }}
{{- include "edge-monitoring.alerting" . }}
{{- include "edge-monitoring.remoteWrite" . }}
scrape_configs:
  # Models and cameras; each pod's own name replaces the job's.
  - job_name: edge-serve
    sample_limit: {{ int $values.scrape.sampleLimit }}
    kubernetes_sd_configs:
      - role: pod
        namespaces:
          names: {{ include "edge-monitoring.watched" . }}
        selectors:
          - role: pod
            label: app.kubernetes.io/part-of=edge-serve
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_container_port_name]
        regex: metrics
        action: keep
      - source_labels: [__meta_kubernetes_pod_phase]
        regex: Succeeded|Failed
        action: drop
      {{- include "edge-monitoring.podRelabelings" . | nindent 6 }}
  {{- if $values.nodeExporter.enabled }}
  - job_name: node
    kubernetes_sd_configs:
      - role: pod
        namespaces:
          names: [{{ include "edge-monitoring.exporterNamespace" . }}]
        selectors:
          - role: pod
            label: app.kubernetes.io/instance={{ .Release.Name }},app.kubernetes.io/component=node-exporter
    relabel_configs:
      {{- include "edge-monitoring.nodeRelabelings" . | nindent 6 }}
  {{- end }}
  {{- if $values.cadvisor.enabled }}
  - job_name: cadvisor
    scheme: https
    metrics_path: /metrics/cadvisor
    authorization:
      credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token
    tls_config:
      ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
      insecure_skip_verify: {{ $values.cadvisor.insecureSkipVerify }}
    kubernetes_sd_configs:
      - role: node
    relabel_configs:
      - source_labels: [__meta_kubernetes_node_name]
        target_label: node
    metric_relabel_configs:
      {{- include "edge-monitoring.cadvisorMetricRelabelings" . | nindent 6 }}
  {{- end }}
  {{- with $values.scrape.uplink }}
  {{- if .url }}
  {{- $way := include "edge-monitoring.way" (list $ .url .cidrs "scrape.uplink") | fromYaml }}
  # Only whether it answers: `up` is left.
  - job_name: uplink
    scheme: {{ $way.scheme }}
    metrics_path: {{ default "/metrics" $way.path }}
    static_configs:
      - targets: ["{{ $way.host }}:{{ $way.port }}"]
    metric_relabel_configs:
      - action: drop
  {{- end }}
  {{- end }}
  - job_name: prometheus
    static_configs:
      - targets: [127.0.0.1:9090]
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: {{ include "edge-monitoring.selfKeep" . | trim | quote }}
        action: keep
  {{- if $values.alertmanager.enabled }}
  - job_name: alertmanager
    static_configs:
      - targets: ["{{ include "edge-monitoring.named" (list . "-alertmanager") }}:9093"]
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: {{ include "edge-monitoring.selfKeep" . | trim | quote }}
        action: keep
  {{- end }}
{{- end }}

{{- define "edge-monitoring.alerting" -}}
{{- $alertmanager := .Values.alertmanager -}}
{{- if or $alertmanager.enabled $alertmanager.others }}
alerting:
  alertmanagers:
    {{- if $alertmanager.enabled }}
    - static_configs:
        - targets: ["{{ include "edge-monitoring.named" (list . "-alertmanager") }}:9093"]
    {{- end }}
    {{- range $name, $other := $alertmanager.others }}
    {{- $way := include "edge-monitoring.way" (list $ $other.url $other.cidrs (printf "alertmanager.others.%s" $name)) | fromYaml }}
    - scheme: {{ $way.scheme }}
      path_prefix: {{ default "/" $way.path }}
      static_configs:
        - targets: ["{{ $way.host }}:{{ $way.port }}"]
    {{- end }}
{{- end }}
{{- end }}

{{- define "edge-monitoring.remoteWrite" -}}
{{- with .Values.prometheus.remoteWrite }}
{{- if .url }}
remote_write:
  - name: remote
    url: {{ .url | quote }}
    {{- if .username }}
    basic_auth:
      username: {{ .username | quote }}
      password_file: /run/secrets/remote-write/{{ .secretKey }}
    {{- else if .existingSecret }}
    authorization:
      credentials_file: /run/secrets/remote-write/{{ .secretKey }}
    {{- end }}
    {{- with .caKey }}
    tls_config:
      ca_file: /run/secrets/remote-write/{{ . }}
    {{- end }}
    {{- with .keep }}
    write_relabel_configs:
      - source_labels: [__name__]
        regex: {{ . | quote }}
        action: keep
    {{- end }}
    queue_config:
      max_shards: {{ int .queue.maxShards }}
      max_samples_per_send: {{ int .queue.maxSamplesPerSend }}
      capacity: {{ int .queue.capacity }}
      batch_send_deadline: {{ .queue.batchSendDeadline }}
      min_backoff: {{ .queue.minBackoff }}
      max_backoff: {{ .queue.maxBackoff }}
      # A receiver that is overrun after an outage says 429: wait, do not drop.
      retry_on_http_429: true
{{- end }}
{{- end }}
{{- end }}
