{{/* The init container that pulls a model as an OCI artifact. */}}

{{/* (list . track serves): nothing for the other sources. `serves` is the component that is going to serve the model, empty for a
     pod that only checks it. */}}
{{- define "edge-inference.pullers" -}}
{{- if eq (index . 0).Values.model.source "oci" }}{{ include "edge-inference.puller" . }}{{ end -}}
{{- end }}

{{/* The folders of all versions of this revision, for a check to leave alone. Not for a Deployment: a candidate that comes or goes
     would restart the stable pod. */}}
{{- define "edge-inference.artifactFolders" -}}
{{- $root := . -}}
{{- $tracks := ternary (list "stable" "candidate") (list "stable") .Values.candidate.enabled -}}
{{- range $tracks }}{{ include "edge-inference.artifactFolder" (list $root (include "edge-inference.track" (list $root .) | fromYaml)) }} {{ end -}}
{{- end }}

{{- define "edge-inference.pullScript" -}}
# A folder that is there is whole: it is renamed into place, and renamed away before it is deleted.
find /models -maxdepth 1 -name '.part-*' -mmin +60 -exec rm -rf {} +
drop() {
  gone=$(mktemp -d /models/.part-XXXXXX) && mv "/models/$1" "$gone" && rm -rf "$gone" || echo "not deleted: $1" >&2
}
if [ -z "$SERVES" ]; then
  # A check deletes what checks before it pulled and nothing has served since: what runs is never among it.
  for mark in /models/*/.checked; do
    folder=$(basename "$(dirname "$mark")")
    case " $KEEP " in *" $folder "*) continue ;; esac
    [ ! -f "$mark" ] || drop "$folder"
  done
fi
if [ ! -d "/models/$FOLDER" ]; then
  part=$(mktemp -d /models/.part-XXXXXX)
  # A policy learns the address of a new pod a moment after its start.
  for pause in 1 2 4 8 0; do
    oras pull "$@" --output "$part" "$ARTIFACT" && break
    [ "$pause" != 0 ]
    sleep "$pause"
  done
  [ -n "$SERVES" ] || touch "$part/.checked"
  [ -d "/models/$FOLDER" ] || mv "$part" "/models/$FOLDER"
fi
if [ -n "$SERVES" ]; then
  rm -f "/models/$FOLDER/.checked"
  touch "/models/$FOLDER"
  now=/models/.kept-$SERVES
  if [ "$(cat "$now" 2>/dev/null)" != "$FOLDER" ]; then
    [ ! -f "$now" ] || mv "$now" "$now-before"
    echo "$FOLDER" >"$now"
  fi
  # Five are kept, the last used ones (names are hexadecimal; a volume has a lost+found, too); and, whatever the clock said when,
  # what each of stable and candidate serves, and served before.
  ls -1td /models/[0-9a-f]*/ | tail -n +6 | while read -r path; do
    folder=$(basename "$path")
    grep -qx "$folder" /models/.kept-* || drop "$folder"
  done
fi
{{- end }}

{{- define "edge-inference.puller" -}}
{{- $values := (index . 0).Values -}}
{{- $serves := index . 2 -}}
{{- $oci := $values.model.oci -}}
{{- $_ := required "model.source=oci: set model.oci.reference, for instance registry.example:5000/models/{name}:{version}" $oci.reference -}}
- name: pull-model
  image: {{ include "edge-inference.reference" (list (index . 0) $oci.image) | quote }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  command:
    - sh
    - -euc
    - |
      {{- include "edge-inference.pullScript" . | nindent 6 }}
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
      value: {{ include "edge-inference.artifactFolder" . | quote }}
    - name: SERVES
      value: {{ $serves | quote }}
    {{- if not $serves }}
    - name: KEEP
      value: {{ include "edge-inference.artifactFolders" (index . 0) | trim | quote }}
    {{- end }}
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
