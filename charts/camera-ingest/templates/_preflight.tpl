{{/* Hook Jobs that read a config before the running pod is touched; that of a rollback only when it is asked for. A rollback runs the hooks of the revision that it goes back to. */}}

{{/* (list . weight): annotations of what the Jobs need, made before them and gone after them. */}}
{{- define "camera-ingest.preflightHooks" -}}
helm.sh/hook: pre-install,pre-upgrade{{ if (index . 0).Values.preflight.rollback }},pre-rollback{{ end }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* (list . path): who names this file, for a person. */}}
{{- define "camera-ingest.usersOf" -}}
{{- $path := index . 1 -}}
{{- $users := list -}}
{{- range $name, $camera := (index . 0).Values.cameras }}
{{- if or (eq (default "" $camera.credentials) $path) (eq (default "" (default dict $camera.capture).ca) $path) }}
{{- $users = append $users (printf "camera %s" $name) }}
{{- end }}
{{- end }}
{{- range $kind, $sink := (index . 0).Values.sinks }}
{{- if kindIs "map" $sink }}
{{- if has $path (values $sink) }}
{{- $users = append $users (printf "sink %s" $kind) }}
{{- end }}
{{- end }}
{{- end }}
{{- default (list "nobody") $users | join ", " -}}
{{- end }}

{{/* (list . "-suffix" hooks): a Job of its own name for each, so that the rollback after a refused upgrade leaves that one's log. The way back
     asks no model: it has to be open while the server is away. */}}
{{- define "camera-ingest.preflight" -}}
{{- $root := index . 0 -}}
{{- $preflight := $root.Values.preflight -}}
{{- $namespace := include "camera-ingest.namespace" $root -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "camera-ingest.named" (list $root (index . 1)) | quote }}
  {{- include "camera-ingest.metadata" (list $root "preflight") | nindent 2 }}
  annotations:
    helm.sh/hook: {{ index . 2 }}
    helm.sh/hook-weight: "0"
    # A failed one stays for `kubectl logs` until the next try, or its time is over.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    # Of a good one, too: it may warn that the model is not there yet.
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
spec:
  backoffLimit: 0
  activeDeadlineSeconds: {{ int $preflight.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: {{ int $preflight.ttlSecondsAfterFinished }}
  template:
    metadata:
      labels:
        {{- include "camera-ingest.podLabels" (list $root "preflight") | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "camera-ingest.podBase" $root | nindent 6 }}
      volumes:
        # A Secret that is not there is told by the check, with its name; the pod would wait for it without a word.
        {{- include "camera-ingest.volumes" (list $root (include "camera-ingest.named" (list $root "-preflight")) true) | nindent 8 }}
        # Only so that paths on it are judged as in the pod.
        - name: data
          emptyDir:
            sizeLimit: 1Mi
      containers:
        - name: preflight
          {{- include "camera-ingest.containerBase" $root | nindent 10 }}
          resources:
            {{- include "camera-ingest.smallResources" $root | nindent 12 }}
          volumeMounts:
            {{- include "camera-ingest.volumeMounts" $root | nindent 12 }}
            - name: data
              mountPath: /var/lib/edge
          args:
            - check
            - /etc/edge/cameras.toml
            {{- if and $preflight.askModel (ne (index . 2) "pre-rollback") }}
            - --ask-model
            {{- end }}
            {{- range $name, $file := $root.Values.secretFiles }}
            {{- $path := printf "/run/secrets/%s" $name }}
            {{- $users := include "camera-ingest.usersOf" (list $root $path) }}
            {{- $what := printf "key %s of Secret %s (secretFiles.%s, for %s); see kubectl -n %s describe secret %s" $file.key $file.existingSecret $name $users $namespace $file.existingSecret }}
            - --needs
            - {{ printf "%s=%s" $path $what | quote }}
            {{- end }}
          env:
            {{- include "camera-ingest.env" $root | nindent 12 }}
{{- end }}
