{{/* Names and labels. Those with a component take a dict of `root` and `component`. */}}

{{- define "flytelike.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "flytelike.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "flytelike.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "flytelike.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "flytelike.componentName" -}}
{{- printf "%s-%s" (include "flytelike.fullname" .root) .component -}}
{{- end -}}

{{- define "flytelike.selectorLabels" -}}
app.kubernetes.io/name: {{ include "flytelike.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "flytelike.labels" -}}
{{ include "flytelike.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: flytelike
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "flytelike.metadata" -}}
name: {{ default (include "flytelike.componentName" .) .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "flytelike.labels" . | nindent 2 }}
{{- end -}}

{{/* As metadata, of what lies in no namespace: named by its release's namespace, too. */}}
{{- define "flytelike.clusterMetadata" -}}
name: {{ include "flytelike.clusterName" . }}
labels:
  {{- include "flytelike.labels" . | nindent 2 }}
{{- end -}}

{{- define "flytelike.clusterName" -}}
{{- printf "%s-%s" .root.Release.Namespace (include "flytelike.componentName" .) -}}
{{- end -}}

{{- define "flytelike.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "flytelike.serviceAccount" -}}
{{- default (include "flytelike.componentName" .) .account.name -}}
{{- end -}}

{{/* Names of Secrets: those that are given, or the trial's. */}}
{{- define "flytelike.databaseSecret" -}}
{{- ternary (printf "%s-trial" (include "flytelike.fullname" .)) .Values.database.existingSecret .Values.trial.enabled -}}
{{- end -}}

{{- define "flytelike.storeSecret" -}}
{{- ternary (printf "%s-trial" (include "flytelike.fullname" .)) .Values.store.existingSecret .Values.trial.enabled -}}
{{- end -}}

{{- define "flytelike.authSecret" -}}
{{- ternary (printf "%s-trial" (include "flytelike.fullname" .)) .Values.auth.existingSecret .Values.trial.enabled -}}
{{- end -}}

{{- define "flytelike.storeUri" -}}
{{- ternary "s3://flytelike/platform" .Values.store.uri .Values.trial.enabled -}}
{{- end -}}

{{- define "flytelike.storeEndpoint" -}}
{{- ternary (printf "http://%s-object-store.%s.svc:7070" (include "flytelike.fullname" .) .Release.Namespace) .Values.store.endpoint .Values.trial.enabled -}}
{{- end -}}

{{- define "flytelike.storeRegion" -}}
{{- ternary "us-east-1" .Values.store.region .Values.trial.enabled -}}
{{- end -}}

{{- define "flytelike.publicUrl" -}}
{{- if .Values.controlPlane.publicUrl -}}
{{- .Values.controlPlane.publicUrl -}}
{{- else if .Values.ingress.http.enabled -}}
{{- printf "%s://%s" (ternary "https" "http" (ne .Values.ingress.http.tlsSecret "")) .Values.ingress.http.host -}}
{{- else -}}
{{- printf "%s://%s-control-plane.%s.svc:%v" (ternary "https" "http" (ne .Values.tls.existingSecret "")) (include "flytelike.fullname" .) .Release.Namespace .Values.controlPlane.service.httpPort -}}
{{- end -}}
{{- end -}}

{{/* Where pods of tasks live, `{project}` and `{domain}` not filled in. */}}
{{- define "flytelike.podsNamespace" -}}
{{- default "{project}-{domain}" .Values.propeller.pods.namespace -}}
{{- end -}}

{{/* Where eager tasks find the control plane. */}}
{{- define "flytelike.callingEndpoint" -}}
{{- if .Values.eager.endpoint -}}
{{- .Values.eager.endpoint -}}
{{- else -}}
{{- printf "%s%s-control-plane.%s.svc:%v" (ternary "https://" "" (ne .Values.tls.existingSecret "")) (include "flytelike.fullname" .) .Release.Namespace .Values.controlPlane.service.grpcPort -}}
{{- end -}}
{{- end -}}
