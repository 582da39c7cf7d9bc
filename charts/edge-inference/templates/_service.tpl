{{/* (list . "stable"|"candidate"): one Service. */}}
{{- define "edge-inference.service" -}}
{{- $root := index . 0 -}}
{{- $service := $root.Values.service -}}
{{- $track := include "edge-inference.track" . | fromYaml -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "edge-inference.named" (list $root $track.suffix) | quote }}
  {{- include "edge-inference.metadata" (list $root $track.component) | nindent 2 }}
  {{- with $service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  # A candidate is for camera-ingest only: never outside the cluster.
  type: {{ ternary $service.type "ClusterIP" (eq $track.component "inference") }}
  internalTrafficPolicy: {{ $service.internalTrafficPolicy }}
  {{- with $service.trafficDistribution }}
  trafficDistribution: {{ . | quote }}
  {{- end }}
  selector:
    {{- include "edge-inference.selector" (list $root $track.component) | nindent 4 }}
  ports:
    - name: http
      port: {{ int $service.port }}
      targetPort: http
      {{- if and $service.nodePort (eq $service.type "NodePort") (eq $track.component "inference") }}
      nodePort: {{ int $service.nodePort }}
      {{- end }}
    - name: metrics
      port: {{ int $service.metricsPort }}
      targetPort: metrics
{{- end }}
