{{/* (list . "stable"|"candidate"): one Deployment. */}}
{{- define "edge-inference.deployment" -}}
{{- $root := index . 0 -}}
{{- $stable := eq (index . 1) "stable" -}}
{{- $values := $root.Values -}}
{{- $track := include "edge-inference.track" . | fromYaml -}}
{{- $base := list $root $track -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "edge-inference.named" (list $root $track.suffix) | quote }}
  {{- include "edge-inference.metadata" (list $root $track.component) | nindent 2 }}
  annotations:
    kubernetes.io/change-cause: {{ printf "%s %s" $track.name $track.version | quote }}
spec:
  {{- if not $stable }}
  replicas: 1
  {{- else if not $values.autoscaling.enabled }}
  replicas: {{ int $values.replicas }}
  {{- end }}
  minReadySeconds: {{ int $values.minReadySeconds }}
  progressDeadlineSeconds: {{ int $values.progressDeadlineSeconds }}
  revisionHistoryLimit: {{ int $values.revisionHistoryLimit }}
  strategy:
    type: {{ $values.strategy.type }}
    {{- if eq $values.strategy.type "RollingUpdate" }}
    rollingUpdate:
      maxSurge: {{ $values.strategy.maxSurge }}
      maxUnavailable: {{ $values.strategy.maxUnavailable }}
    {{- end }}
  selector:
    matchLabels:
      {{- include "edge-inference.selector" (list $root $track.component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "edge-inference.podLabels" (list $root $track $track.component) | nindent 8 }}
      {{- with $values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "edge-inference.serviceAccountName" $root | quote }}
      terminationGracePeriodSeconds: {{ add (int $values.shutdown.delaySeconds) (int $values.shutdown.drainSeconds) (int $values.shutdown.slackSeconds) }}
      {{- include "edge-inference.podBase" $base | nindent 6 }}
      {{- with $values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        {{- $filled := dict "labelSelector" (dict "matchLabels" (include "edge-inference.selector" (list $root $track.component) | fromYaml)) }}
        - {{ toYaml (merge (deepCopy .) (ternary (dict) $filled (hasKey . "labelSelector"))) | indent 10 | trim }}
        {{- end }}
      {{- end }}
      {{- with include "edge-inference.pullers" (append $base $track.component) }}
      initContainers:
        {{- . | nindent 8 }}
      {{- end }}
      containers:
        - name: inference
          {{- include "edge-inference.containerBase" $base | nindent 10 }}
          args: [{{ $values.model.path | quote }}]
          env:
            {{- include "edge-inference.env" $base | nindent 12 }}
            - name: EDGE_PORT
              value: "8080"
            - name: EDGE_METRICS_PORT
              value: "9090"
            - name: EDGE_SHUTDOWN_DELAY_MS
              value: {{ mul (int $values.shutdown.delaySeconds) 1000 | quote }}
            - name: EDGE_DRAIN_TIMEOUT_MS
              value: {{ mul (int $values.shutdown.drainSeconds) 1000 | quote }}
          ports:
            - name: http
              containerPort: 8080
            - name: metrics
              containerPort: 9090
          {{- range $probe, $path := dict "startup" "live" "readiness" "ready" "liveness" "live" }}
          {{ $probe }}Probe:
            httpGet:
              path: /v2/health/{{ $path }}
              port: http
            {{- toYaml (index $values.probes $probe) | nindent 12 }}
          {{- end }}
        {{- with $values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}
