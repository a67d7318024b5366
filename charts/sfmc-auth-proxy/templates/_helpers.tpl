{{/* Names, labels, and what the gateway's container and the sidecar have in common. */}}

{{- define "sfmc-auth-proxy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters at most: "-admin", "-dashboard" and the like come behind it. */}}
{{- define "sfmc-auth-proxy.fullname" -}}
{{- $name := include "sfmc-auth-proxy.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sfmc-auth-proxy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sfmc-auth-proxy.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "sfmc-auth-proxy.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.gatewayLabels" -}}
{{ include "sfmc-auth-proxy.selectorLabels" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "sfmc-auth-proxy.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sfmc-auth-proxy.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.configMapName" -}}
{{- default (printf "%s-config" (include "sfmc-auth-proxy.fullname" .)) .Values.existingConfigMap }}
{{- end }}

{{/* All names under which the Service is called, and those that the values add. */}}
{{- define "sfmc-auth-proxy.allowedHosts" -}}
{{- $name := include "sfmc-auth-proxy.fullname" . }}
{{- $hosts := list }}
{{- range $service := list $name (printf "%s-admin" $name) }}
{{- $local := printf "%s.%s" $service $.Release.Namespace }}
{{- $hosts = concat $hosts (list $service $local (printf "%s.svc" $local) (printf "%s.svc.%s" $local $.Values.clusterDomain)) }}
{{- end }}
{{- join "," (concat $hosts .Values.allowedHosts | uniq) }}
{{- end }}

{{/* Takes a list of {name, secret, key}. */}}
{{- define "sfmc-auth-proxy.secretEnv" -}}
{{- range . }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end }}
{{- end }}

{{/* Takes {secrets, prefix}. Never with subPath: such a mount is not updated. */}}
{{- define "sfmc-auth-proxy.secretMounts" -}}
{{- range $index, $secret := .secrets }}
- name: {{ $.prefix }}secret-{{ $index }}
  mountPath: {{ $secret.mountPath }}
  readOnly: true
{{- end }}
{{- end }}

{{/* Takes {secrets, prefix, mode}. */}}
{{- define "sfmc-auth-proxy.secretVolumes" -}}
{{- range $index, $secret := .secrets }}
- name: {{ $.prefix }}secret-{{ $index }}
  secret:
    secretName: {{ $secret.name }}
    {{- with $.mode }}
    defaultMode: {{ . }}
    {{- end }}
    {{- with $secret.items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* Takes {probes, port, startupPath}; gives the container's three probes. */}}
{{- define "sfmc-auth-proxy.probes" -}}
startupProbe:
  httpGet:
    path: {{ .startupPath }}
    port: {{ .port }}
  {{- toYaml .probes.startup | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ .port }}
  {{- toYaml .probes.readiness | nindent 2 }}
livenessProbe:
  httpGet:
    path: /livez
    port: {{ .port }}
  {{- toYaml .probes.liveness | nindent 2 }}
{{- end }}

{{/* Seconds from the signal to stop until the kubelet kills. */}}
{{- define "sfmc-auth-proxy.gracePeriod" -}}
{{- $shutdown := .Values.shutdown }}
{{- $needed := add (int $shutdown.drainDelaySeconds) (int $shutdown.drainTimeoutSeconds) }}
{{- $given := $shutdown.terminationGracePeriodSeconds }}
{{- if kindIs "invalid" $given }}
{{- add $needed 5 }}
{{- else if lt (int $given) (int $needed) }}
{{- fail (printf "shutdown.terminationGracePeriodSeconds is %d, but draining may take %d s (drainDelaySeconds + drainTimeoutSeconds): calls would be cut off. Leave it out, or give it at least that." (int $given) (int $needed)) }}
{{- else }}
{{- int $given }}
{{- end }}
{{- end }}

{{/* What cannot be said in the schema. */}}
{{- define "sfmc-auth-proxy.validate" -}}
{{- $keepsDirectory := eq .Values.state.kind "directory" }}
{{- if and $keepsDirectory .Values.autoscaling.enabled }}
{{- fail "state.kind is directory, which one process alone can hold, but autoscaling.enabled is true. Share the state on Redis (state.kind: redis), or turn autoscaling off." }}
{{- end }}
{{- if and $keepsDirectory (gt (int .Values.replicaCount) 1) }}
{{- fail (printf "state.kind is directory, which one process alone can hold, but replicaCount is %d. Set replicaCount to 1, or share the state on Redis (state.kind: redis)." (int .Values.replicaCount)) }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (eq .Values.state.kind "redis") (not .Values.networkPolicy.extraEgress) }}
{{- fail "state.kind is redis, but networkPolicy lets out DNS and port 443 alone: no pod would reach Redis, and none would be ready. Name Redis in networkPolicy.extraEgress, as [{to: [{podSelector: {matchLabels: {app: redis}}}], ports: [{port: 6379, protocol: TCP}]}]." }}
{{- end }}
{{- $ports := list (int .Values.ports.http) (int .Values.ports.admin) }}
{{- range .Values.extraPorts }}
{{- $ports = append $ports (int .port) }}
{{- end }}
{{- if ne (len $ports) (len (uniq $ports)) }}
{{- fail (printf "ports.http, ports.admin and extraPorts name one port twice: %s." (join ", " $ports)) }}
{{- end }}
{{- end }}

{{/* Names of alerts to leave out, as JSON. Sidecars of Jobs alone come and go: that there is none is no fault. */}}
{{- define "sfmc-auth-proxy.disabledAlerts" -}}
{{- if not (kindIs "invalid" .Values.prometheusRule.disabled) }}
{{- toJson .Values.prometheusRule.disabled }}
{{- else if .Values.gateway -}}
[]
{{- else -}}
["SfmcAuthProxyAbsent"]
{{- end }}
{{- end }}

{{/*
Takes {rules, disabled}: the text of a rule file, and names of alerts; gives the file without them. Never through tpl: what is
in braces there is Prometheus' own.
*/}}
{{- define "sfmc-auth-proxy.rules" -}}
{{- if not .disabled }}
{{- .rules }}
{{- else }}
{{- $left := .disabled }}
{{- $groups := list }}
{{- range $group := (fromYaml .rules).groups }}
{{- $kept := list }}
{{- range $rule := $group.rules }}
{{- if has $rule.alert $.disabled }}
{{- $left = without $left $rule.alert }}
{{- else }}
{{- $kept = append $kept $rule }}
{{- end }}
{{- end }}
{{- if $kept }}
{{- $groups = append $groups (set $group "rules" $kept) }}
{{- end }}
{{- end }}
{{- if $left }}
{{- fail (printf "prometheusRule.disabled names what is no alert of rules/alerts.yaml: %s." (join ", " $left)) }}
{{- end }}
{{- toYaml (dict "groups" $groups) }}
{{- end }}
{{- end }}
