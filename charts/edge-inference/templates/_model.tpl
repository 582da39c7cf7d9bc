{{/* Where the bundle comes from: an image layer needs nothing, a volume a mount, an OCI artifact an init container. */}}

{{/* (list . track): the artifact to pull, by digest when there is one. */}}
{{- define "edge-inference.artifact" -}}
{{- $oci := (index . 0).Values.model.oci -}}
{{- $track := index . 1 -}}
{{- $reference := include "edge-inference.fill" (list $oci.reference $track) -}}
{{- if $track.ociDigest }}{{ $reference }}@{{ $track.ociDigest }}{{ else }}{{ $reference }}{{ end -}}
{{- end }}

{{/* (list . track): folder of the artifact in the volume; another digest is another folder. */}}
{{- define "edge-inference.artifactFolder" -}}
{{- include "edge-inference.artifact" . | sha256sum | trunc 32 -}}
{{- end }}

{{- define "edge-inference.modelMounts" -}}
{{- $model := (index . 0).Values.model -}}
{{- if eq $model.source "volume" }}
- name: model
  mountPath: {{ $model.path | quote }}
  {{- with $model.volume.subPath }}
  subPath: {{ include "edge-inference.fill" (list . (index $ 1)) | quote }}
  {{- end }}
  readOnly: true
{{- else if eq $model.source "oci" }}
- name: model
  mountPath: {{ $model.path | quote }}
  subPath: {{ include "edge-inference.artifactFolder" . | quote }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "edge-inference.modelVolumes" -}}
{{- $model := (index . 0).Values.model -}}
{{- if eq $model.source "volume" }}
- name: model
  {{- if $model.volume.claim }}
  persistentVolumeClaim:
    claimName: {{ $model.volume.claim | quote }}
    readOnly: true
  {{- else if $model.volume.spec }}
  {{- toYaml $model.volume.spec | nindent 2 }}
  {{- else }}
  {{- fail "model.source=volume: set model.volume.claim to a PersistentVolumeClaim, or model.volume.spec to a volume source" }}
  {{- end }}
{{- else if eq $model.source "oci" }}
- name: model
  {{- if $model.oci.cacheClaim }}
  persistentVolumeClaim:
    claimName: {{ $model.oci.cacheClaim | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ include "edge-inference.text" $model.oci.sizeLimit | quote }}
  {{- end }}
{{- if $model.oci.existingSecret }}
- name: registry-login
  secret:
    secretName: {{ $model.oci.existingSecret | quote }}
    items:
      - key: .dockerconfigjson
        path: config.json
{{- end }}
{{- end }}
{{- end }}
