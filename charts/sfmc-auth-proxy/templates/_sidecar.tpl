{{/*
The proxy as a native sidecar, for pods of other charts. Both templates take this chart's own scope, which a parent chart has
as (index .Subcharts "sfmc-auth-proxy"):

  initContainers:
    {{- include "sfmc-auth-proxy.sidecar" (index .Subcharts "sfmc-auth-proxy") | nindent 4 }}
  volumes:
    {{- include "sfmc-auth-proxy.sidecarVolumes" (index .Subcharts "sfmc-auth-proxy") | nindent 4 }}

It stands among the init containers and has restartPolicy Always. So it is up, and has tried every tenant, before the
application starts (with sidecar.startupPath /readyz it has a token); it ends after it; and a Job is complete when its own
containers are.
*/}}
{{- define "sfmc-auth-proxy.sidecar" -}}
{{- $sidecar := .Values.sidecar -}}
- name: {{ $sidecar.name }}
  image: {{ include "sfmc-auth-proxy.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  args:
    - run
    {{- if $sidecar.configMap }}
    - --config=/etc/sfmc-auth-proxy/config.toml
    {{- end }}
    {{- with $sidecar.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  env:
    # Loopback: the pod's own containers alone can call. There [clients] is not needed.
    - name: SFMC_AUTH_PROXY_LISTEN_HTTP
      value: "127.0.0.1:{{ $sidecar.port }}"
    - name: SFMC_AUTH_PROXY_ADMIN_LISTEN
      value: "{{ $sidecar.adminBindAddress }}:{{ $sidecar.adminPort }}"
    - name: SFMC_AUTH_PROXY_SHUTDOWN_DRAIN_TIMEOUT
      value: "{{ int $sidecar.drainTimeoutSeconds }}s"
    {{- if not (kindIs "invalid" $sidecar.workers) }}
    - name: SFMC_AUTH_PROXY_LIMITS_WORKERS
      value: {{ int $sidecar.workers | quote }}
    {{- end }}
    {{- with include "sfmc-auth-proxy.secretEnv" $sidecar.secretEnv | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $sidecar.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $sidecar.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - name: sfmc-admin
      containerPort: {{ $sidecar.adminPort }}
  {{- include "sfmc-auth-proxy.probes" (dict "probes" $sidecar.probes "port" "sfmc-admin" "startupPath" $sidecar.startupPath) | nindent 2 }}
  resources:
    {{- toYaml $sidecar.resources | nindent 4 }}
  securityContext:
    {{- toYaml $sidecar.securityContext | nindent 4 }}
  {{- with include "sfmc-auth-proxy.sidecarMounts" . | trim }}
  volumeMounts:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.sidecarMounts" -}}
{{- $sidecar := .Values.sidecar }}
{{- if $sidecar.configMap }}
- name: sfmc-config
  mountPath: /etc/sfmc-auth-proxy
  readOnly: true
{{- end }}
{{- include "sfmc-auth-proxy.secretMounts" (dict "secrets" $sidecar.secrets "prefix" "sfmc-") }}
{{- with $sidecar.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.sidecarVolumes" -}}
{{- $sidecar := .Values.sidecar }}
{{- if $sidecar.configMap -}}
- name: sfmc-config
  configMap:
    name: {{ $sidecar.configMap }}
{{- end }}
{{- /* With the default mode: the pod may have no group for them, and no other container mounts these. */}}
{{- include "sfmc-auth-proxy.secretVolumes" (dict "secrets" $sidecar.secrets "prefix" "sfmc-") }}
{{- end }}
