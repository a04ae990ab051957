{{/* A word of the trial for one purpose: known again at each upgrade, and of no use for another purpose. */}}
{{- define "flytelike.trialWord" -}}
{{- printf "%s/%s/%s/%s" .root.Values.trial.secret .root.Release.Namespace .root.Release.Name .of | sha256sum | trunc 40 -}}
{{- end -}}
