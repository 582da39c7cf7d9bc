{{/* Hook Jobs that ask a version before the running one is touched. */}}

{{/* Is a rollback asked, too? It runs the hooks of the revision that it goes back to, Helm's own after a failed upgrade as well. Without a
     cache a pulled model is not on the node, and no way back may hang on a registry. */}}
{{- define "edge-inference.asksBeforeRollback" -}}
{{- $pulled := and (eq .Values.model.source "oci") (not .Values.model.oci.cacheClaim) -}}
{{- if and .Values.preflight.enabled .Values.preflight.rollback (not $pulled) }}yes{{ end -}}
{{- end }}

{{/* (list . "stable"|"candidate" "upgrade"|"rollback"): the self-check of a version that is not there yet. It uses nothing that
     this release makes: before the first install there is none of it. */}}
{{- define "edge-inference.preflight" -}}
{{- $root := index . 0 -}}
{{- $back := eq (index . 2) "rollback" -}}
{{- $values := $root.Values -}}
{{- $track := include "edge-inference.track" . | fromYaml -}}
apiVersion: batch/v1
kind: Job
metadata:
  # A name of its own: the rollback after a refused upgrade leaves the refused Job and its log.
  name: {{ include "edge-inference.named" (list $root (ternary "-rollback" (printf "%s-preflight" $track.suffix) $back)) | quote }}
  {{- include "edge-inference.metadata" (list $root "preflight") | nindent 2 }}
  annotations:
    helm.sh/hook: {{ ternary "pre-rollback" "pre-install,pre-upgrade" $back }}
    helm.sh/hook-weight: "0"
    # A failed one stays for `kubectl logs` until the next try, or its time is over.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  backoffLimit: 0
  activeDeadlineSeconds: {{ int $values.preflight.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: {{ int $values.preflight.ttlSecondsAfterFinished }}
  template:
    metadata:
      labels:
        {{- include "edge-inference.podLabels" (list $root $track "preflight") | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "edge-inference.podBase" (list $root $track) | nindent 6 }}
      {{- with include "edge-inference.pullers" (list $root $track "") }}
      initContainers:
        {{- . | nindent 8 }}
      {{- end }}
      containers:
        - name: preflight
          {{- include "edge-inference.containerBase" (list $root $track) | nindent 10 }}
          args: [--check, {{ $values.model.path | quote }}]
          env:
            {{- include "edge-inference.env" (list $root $track) | nindent 12 }}
            - name: EDGE_BUDGET
              # A way back must not be closed because the box is slow just now.
              value: {{ and $values.preflight.budget (not $back) | quote }}
{{- end }}
