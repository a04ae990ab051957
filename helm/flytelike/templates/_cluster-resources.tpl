{{/* The templates of namespaces by file name: the chart's own, with those of the values over them. An empty one is left out. */}}
{{- define "flytelike.clusterTemplates" -}}
{{- $templates := dict }}
{{- range $path, $_ := .Files.Glob "files/cluster-resources/*.yaml" }}
{{- $_ := set $templates (base $path) ($.Files.Get $path) }}
{{- end }}
{{- range $name, $text := .Values.clusterResources.templates }}
{{- $_ := set $templates $name $text }}
{{- end }}
{{- range $name := keys $templates }}
{{- if not (trim (get $templates $name)) }}
{{- $_ := unset $templates $name }}
{{- end }}
{{- end }}
{{- toYaml $templates }}
{{- end -}}
