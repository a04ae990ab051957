{{/* What all pods of the chart have in common. */}}

{{- define "flytelike.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "flytelike.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Whence pods of the chart get their image, and what runs them. */}}
{{- define "flytelike.runtime" -}}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where a component's pods run; takes `root`, `component` and its values as `of`. */}}
{{- define "flytelike.placement" -}}
{{- with .of.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- $ours := dict "labelSelector" (dict "matchLabels" (include "flytelike.selectorLabels" . | fromYaml)) }}
{{- $nodes := dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" }}
topologySpreadConstraints:
{{- range default (list $nodes) .of.topologySpreadConstraints }}
  - {{- merge dict . $ours | toYaml | nindent 4 }}
{{- end }}
{{- end -}}

{{/* How the object store is reached. */}}
{{- define "flytelike.storeEnv" -}}
{{- with include "flytelike.storeRegion" . }}
- name: AWS_REGION
  value: {{ . }}
{{- end }}
{{- with include "flytelike.storeEndpoint" . }}
- name: AWS_ENDPOINT_URL
  value: {{ . }}
{{- end }}
{{- with include "flytelike.storeSecret" . }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ include "flytelike.storeSecret" $ }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "flytelike.databaseEnv" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ include "flytelike.databaseSecret" .root }}
      key: {{ .key }}
{{- end -}}

{{- define "flytelike.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: monitoring}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: monitoring}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: monitoring}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* Whether anything is ever to be collected. */}}
{{- define "flytelike.hasRetention" -}}
{{- with .Values.controlPlane.retention }}{{ if or .executions .cache }}true{{ end }}{{ end }}
{{- end }}
