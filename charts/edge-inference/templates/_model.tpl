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
  mountPath: {{ $model.path }}
  {{- with $model.volume.subPath }}
  subPath: {{ include "edge-inference.fill" (list . (index $ 1)) | quote }}
  {{- end }}
  readOnly: true
{{- else if eq $model.source "oci" }}
- name: model
  mountPath: {{ $model.path }}
  subPath: {{ include "edge-inference.artifactFolder" . }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "edge-inference.modelVolumes" -}}
{{- $model := (index . 0).Values.model -}}
{{- if eq $model.source "volume" }}
- name: model
  {{- if $model.volume.claim }}
  persistentVolumeClaim:
    claimName: {{ $model.volume.claim }}
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
    claimName: {{ $model.oci.cacheClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ $model.oci.sizeLimit }}
  {{- end }}
{{- if $model.oci.existingSecret }}
- name: registry-login
  secret:
    secretName: {{ $model.oci.existingSecret }}
    items:
      - key: .dockerconfigjson
        path: config.json
{{- end }}
{{- end }}
{{- end }}

{{/* (list . track): the init container that pulls the model; nothing for the other sources. */}}
{{- define "edge-inference.pullers" -}}
{{- if eq (index . 0).Values.model.source "oci" }}{{ include "edge-inference.puller" . }}{{ end -}}
{{- end }}

{{/* (list . track): pull once into a folder of its own; a folder that is there is whole, since it was renamed into place. */}}
{{- define "edge-inference.puller" -}}
{{- $values := (index . 0).Values -}}
{{- $oci := $values.model.oci -}}
{{- $_ := required "model.source=oci: set model.oci.reference, for instance registry.example:5000/models/{name}:{version}" $oci.reference -}}
- name: pull-model
  image: {{ include "edge-inference.reference" (list (index . 0) $oci.image) | quote }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  command:
    - sh
    - -euc
    - |
      # A folder that is there is whole: it was renamed into place. Five are kept, the last used ones.
      find /models -maxdepth 1 -name '.part-*' -mmin +60 -exec rm -rf {} +
      if [ ! -d "/models/$FOLDER" ]; then
        part=$(mktemp -d /models/.part-XXXXXX)
        # A policy learns the address of a new pod a moment after its start.
        for pause in 1 2 4 8 0; do
          oras pull "$@" --output "$part" "$ARTIFACT" && break
          [ "$pause" != 0 ]
          sleep "$pause"
        done
        [ -d "/models/$FOLDER" ] || mv "$part" "/models/$FOLDER"
      fi
      touch "/models/$FOLDER"
      ls -1td /models/*/ | tail -n +6 | xargs -r rm -rf
    - pull-model
    {{- if $oci.plainHttp }}
    - --plain-http
    {{- end }}
    {{- if $oci.existingSecret }}
    - --registry-config=/run/secrets/registry/config.json
    {{- end }}
  env:
    - name: ARTIFACT
      value: {{ include "edge-inference.artifact" . | quote }}
    - name: FOLDER
      value: {{ include "edge-inference.artifactFolder" . }}
    - name: HOME
      value: /tmp
  securityContext:
    {{- toYaml $values.securityContext | nindent 4 }}
  resources:
    {{- toYaml (index . 1).resources | nindent 4 }}
  volumeMounts:
    - name: model
      mountPath: /models
    - name: tmp
      mountPath: /tmp
    {{- if $oci.existingSecret }}
    - name: registry-login
      mountPath: /run/secrets/registry
      readOnly: true
    {{- end }}
{{- end }}
