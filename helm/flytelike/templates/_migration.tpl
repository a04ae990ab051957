{{/* Brings the control plane's tables up to date. */}}
{{- define "flytelike.migration" -}}
- name: migrations
  image: {{ include "flytelike.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  securityContext:
    {{- include "flytelike.containerSecurity" . | nindent 4 }}
  args: [flytelike, db, upgrade]
  env:
    - name: FLYTELIKE_DATABASE_WAIT
      value: {{ printf "%ds" (int .Values.migrations.waitSeconds) }}
    {{- include "flytelike.databaseEnv" (dict "root" . "variable" "FLYTELIKE_DATABASE" "key" .Values.database.controlPlaneKey) | nindent 4 }}
  resources:
    {{- toYaml .Values.migrations.resources | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
{{- end -}}
