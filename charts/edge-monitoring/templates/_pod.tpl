{{/* (list . component): labels of a pod. No chart version: a new comment in the chart restarts nothing. */}}
{{- define "edge-monitoring.podLabels" -}}
{{ include "edge-monitoring.selector" . }}
app.kubernetes.io/part-of: edge-serve
{{- with (index . 0).Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list . changes): the part of a pod's spec that is the same in all of them; `changes` is laid over the security context. */}}
{{- define "edge-monitoring.podBase" -}}
{{- $values := (index . 0).Values -}}
enableServiceLinks: false
securityContext:
  {{- mergeOverwrite (deepCopy $values.podSecurityContext) (index . 1) | toYaml | nindent 2 }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a pod of a Deployment may stand. */}}
{{- define "edge-monitoring.placement" -}}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  {{- range list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ . }}
    operator: Exists
    effect: NoExecute
    {{- if not (kindIs "invalid" $.Values.nodeLossTolerationSeconds) }}
    tolerationSeconds: {{ int $.Values.nodeLossTolerationSeconds }}
    {{- end }}
  {{- end }}
  {{- with .Values.tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* (list . values): the fields that every container has; `values` has its image and resources. */}}
{{- define "edge-monitoring.containerBase" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 -}}
image: {{ include "edge-monitoring.reference" (list $root $own.image) | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
securityContext:
  {{- toYaml $root.Values.securityContext | nindent 2 }}
resources:
  {{- toYaml $own.resources | nindent 2 }}
{{- end }}

{{/* (list . ready-path live-path): the three probes. */}}
{{- define "edge-monitoring.probes" -}}
{{- $probes := (index . 0).Values.probes -}}
{{- range $probe, $path := dict "startup" (index . 2) "readiness" (index . 1) "liveness" (index . 2) }}
{{ $probe }}Probe:
  httpGet:
    path: {{ $path }}
    port: http
  {{- toYaml (index $probes $probe) | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list . component port): a Service within the cluster. */}}
{{- define "edge-monitoring.service" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "edge-monitoring.named" (list $root (printf "-%s" $component)) }}
  {{- include "edge-monitoring.metadata" (list $root $component) | nindent 2 }}
spec:
  type: {{ ternary $root.Values.grafana.service.type "ClusterIP" (eq $component "grafana") }}
  selector:
    {{- include "edge-monitoring.selector" (list $root $component) | nindent 4 }}
  ports:
    - name: http
      port: {{ index . 2 }}
      targetPort: http
      {{- if and (eq $component "grafana") (eq $root.Values.grafana.service.type "NodePort") $root.Values.grafana.service.nodePort }}
      nodePort: {{ int $root.Values.grafana.service.nodePort }}
      {{- end }}
{{- end }}
