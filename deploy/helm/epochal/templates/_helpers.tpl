{{- define "epochal.name" -}}
{{- if contains "epochal" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-epochal" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "epochal.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What pods of a role are found by: (dict "root" $ "role" "api"). */}}
{{- define "epochal.selector" -}}
app.kubernetes.io/name: epochal
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "epochal.labels" -}}
{{ include "epochal.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* A pod reads the Secret's addresses at its start only: with other ones it is replaced, and the migration runs again. */}}
{{- define "epochal.addresses" -}}
epochal/addresses: {{ list .Values.postgres.url .Values.postgres.mlflowUrl .Values.redis.url | toJson | sha256sum | trunc 8 | quote }}
{{- end }}

{{- define "epochal.secret" -}}
{{ .Values.existingSecret | default (include "epochal.name" .) }}
{{- end }}

{{/* A secret that exists already, or a new one: (dict "root" $ "key" "token"). */}}
{{- define "epochal.kept" -}}
{{- $there := lookup "v1" "Secret" .root.Release.Namespace (include "epochal.name" .root) | default dict -}}
{{- $data := $there.data | default dict -}}
{{- if hasKey $data .key }}{{ index $data .key | b64dec }}{{ else }}{{ .prefix | default "" }}{{ randAlphaNum 40 }}{{ end -}}
{{- end }}

{{- define "epochal.env" -}}
- name: EPOCHAL_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "epochal.secret" . }}, key: database-url}}
- name: EPOCHAL_BROKER_URL
  valueFrom: {secretKeyRef: {name: {{ include "epochal.secret" . }}, key: broker-url}}
- {name: EPOCHAL_FILES_URL, value: {{ .Values.files.url | quote }}}
- {name: EPOCHAL_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "epochal.envFrom" -}}
{{- if .Values.files.environmentFrom }}
envFrom:
  - secretRef: {name: {{ .Values.files.environmentFrom }}}
{{- end }}
{{- end }}

{{- define "epochal.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What all pods of ours have: (dict "root" $ "role" "api" "user" 10001). */}}
{{- define "epochal.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "epochal.place" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "epochal.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Nothing of ours starts before the record has the schema of its release. */}}
{{- define "epochal.awaitSchema" -}}
initContainers:
  - name: schema
    image: {{ include "epochal.image" . }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command: [python, -m, store, check, --wait, "600"]
    env: {{- include "epochal.env" . | nindent 6 }}
    resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}
    {{- include "epochal.containerSecurity" . | nindent 4 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "epochal.filesOnDisk" -}}
{{- if hasPrefix "file://" .Values.files.url }}yes{{ end }}
{{- end }}

{{- define "epochal.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if include "epochal.filesOnDisk" . }}
- {name: files, mountPath: {{ trimPrefix "file://" .Values.files.url }}}
{{- end }}
{{- end }}

{{- define "epochal.volumes" -}}
- {name: tmp, emptyDir: {}}
{{- if include "epochal.filesOnDisk" . }}
- name: files
  persistentVolumeClaim: {claimName: {{ .Values.files.storage.existingClaim | default (printf "%s-files" (include "epochal.name" .)) }}}
{{- end }}
{{- end }}

{{/* A claim: (dict "root" $ "name" "x-files" "storage" .Values.files.storage "modes" (list "ReadWriteOnce")). */}}
{{- define "epochal.claim" -}}
accessModes: {{ toJson .modes }}
{{- with .storage.className }}
storageClassName: {{ . }}
{{- end }}
resources: {requests: {storage: {{ .storage.size }}}}
{{- end }}
