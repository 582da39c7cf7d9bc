{{/* The pods of `helm test`. */}}

{{/* A policy learns the address of a new pod a moment after its start. Whatever is wrong then, the test itself says it. */}}
{{- define "edge-inference.waitScript" -}}
import socket, sys, time
address, end = (sys.argv[1], int(sys.argv[2])), time.monotonic() + 20
while time.monotonic() < end:
    try:
        socket.create_connection(address, timeout=2).close()
        break
    except OSError:
        time.sleep(0.2)
{{- end }}

{{/* (list . "stable"|"candidate"): golden samples through the Service, answers compared. It loads no model, so it has resources of its
     own: on a full box it still finds a place, and no device. */}}
{{- define "edge-inference.test" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $track := include "edge-inference.track" . | fromYaml -}}
{{- $_ := set $track "resources" $values.test.resources -}}
{{- $host := printf "%s.%s" (include "edge-inference.named" (list $root $track.suffix)) (include "edge-inference.namespace" $root) -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "edge-inference.named" (list $root (printf "%s-test" $track.suffix)) | quote }}
  namespace: {{ include "edge-inference.namespace" $root | quote }}
  labels:
    {{- include "edge-inference.podLabels" (list $root $track "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  restartPolicy: Never
  activeDeadlineSeconds: {{ int $values.preflight.activeDeadlineSeconds }}
  {{- include "edge-inference.podBase" (list $root $track) | nindent 2 }}
  initContainers:
    {{- include "edge-inference.pullers" (list $root $track "") | nindent 4 }}
    - name: wait
      {{- include "edge-inference.containerBase" (list $root $track) | nindent 6 }}
      command: [/usr/bin/python3.11, -c]
      args:
        - |
          {{- include "edge-inference.waitScript" . | nindent 10 }}
        - {{ $host | quote }}
        - {{ int $values.service.port | quote }}
  containers:
    - name: golden
      {{- include "edge-inference.containerBase" (list $root $track) | nindent 6 }}
      args:
        - --ask
        - http://{{ $host }}:{{ int $values.service.port }}
        - {{ $values.model.path | quote }}
      env:
        {{- include "edge-inference.env" (list $root $track) | nindent 8 }}
{{- end }}
