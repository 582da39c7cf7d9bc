{{/* The guard: before an upgrade it records how the running version does, after it it holds the new one against that. */}}

{{- define "edge-inference.guardName" -}}
{{- include "edge-inference.named" (list . "-guard") -}}
{{- end }}

{{/* (list . hooks weight): metadata of what the guard needs while its Jobs run, and of the Jobs. */}}
{{- define "edge-inference.guardMetadata" -}}
{{- include "edge-inference.metadata" (list (index . 0) "guard") }}
annotations:
  helm.sh/hook: {{ index . 1 }}
  helm.sh/hook-weight: {{ index . 2 | quote }}
{{- end }}

{{/* The ConfigMap that edgectl writes: it finds it by the release's name. */}}
{{- define "edge-inference.guardBook" -}}
{{- printf "%s-rollout-baseline" .Release.Name -}}
{{- end }}

{{/* A length such as 1h30m, in seconds. `atoi`, since `int` reads 010 as eight. */}}
{{- define "edge-inference.seconds" -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | atoi -}}
{{- $minutes := regexFind "[0-9]+m" . | trimSuffix "m" | atoi -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | atoi -}}
{{- add (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end }}

{{/* (list . hook weight suffix arguments): one Job of the guard. */}}
{{- define "edge-inference.guardJob" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $guard := $values.guard -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "edge-inference.named" (list $root (index . 3)) | quote }}
  {{- include "edge-inference.guardMetadata" (list $root (index . 1) (index . 2)) | nindent 2 }}
    # A failed one stays for `kubectl logs` until the next try.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  backoffLimit: 0
  # A pod that went down with its node has not failed: edgectl never ends with 255. Another one takes its place, and says so.
  podFailurePolicy:
    rules:
      - action: Ignore
        onExitCodes:
          containerName: guard
          operator: In
          values: [255]
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  activeDeadlineSeconds: {{ int $guard.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels:
        {{- include "edge-inference.selector" (list $root "guard") | nindent 8 }}
        app.kubernetes.io/part-of: edge-serve
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "edge-inference.guardName" $root | quote }}
      # The token is mounted below, where one sees it.
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        {{- toYaml $values.podSecurityContext | nindent 8 }}
      {{- with $values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: guard
          image: {{ include "edge-inference.reference" (list $root $guard.image) | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy | quote }}
          args:
            {{- range index . 4 }}
            - {{ . | quote }}
            {{- end }}
          securityContext:
            {{- toYaml $values.securityContext | nindent 12 }}
          resources:
            {{- toYaml $guard.resources | nindent 12 }}
          volumeMounts:
            - name: account
              mountPath: /var/run/secrets/kubernetes.io/serviceaccount
              readOnly: true
      volumes:
        - name: account
          projected:
            sources:
              - serviceAccountToken:
                  path: token
                  expirationSeconds: 3600
              - configMap:
                  name: kube-root-ca.crt
                  items:
                    - key: ca.crt
                      path: ca.crt
              - downwardAPI:
                  items:
                    - path: namespace
                      fieldRef:
                        fieldPath: metadata.namespace
{{- end }}
