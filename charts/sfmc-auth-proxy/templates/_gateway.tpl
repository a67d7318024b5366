{{/* What the gateway's container is given: variables, mounts and volumes. */}}

{{- define "sfmc-auth-proxy.gatewayEnv" -}}
{{- $http := list }}
{{- range .Values.bindAddresses }}
{{- $http = append $http (printf "%s:%d" . (int $.Values.ports.http)) }}
{{- end -}}
- name: SFMC_AUTH_PROXY_LISTEN_HTTP
  value: {{ join "," $http | quote }}
- name: SFMC_AUTH_PROXY_LISTEN_ALLOWED_HOSTS
  value: {{ include "sfmc-auth-proxy.allowedHosts" . | quote }}
- name: SFMC_AUTH_PROXY_ADMIN_LISTEN
  value: {{ printf "%s:%d" (first .Values.bindAddresses) (int .Values.ports.admin) | quote }}
- name: SFMC_AUTH_PROXY_SHUTDOWN_DRAIN_DELAY
  value: "{{ int .Values.shutdown.drainDelaySeconds }}s"
- name: SFMC_AUTH_PROXY_SHUTDOWN_DRAIN_TIMEOUT
  value: "{{ int .Values.shutdown.drainTimeoutSeconds }}s"
{{- if not (kindIs "invalid" .Values.workers) }}
- name: SFMC_AUTH_PROXY_LIMITS_WORKERS
  value: {{ int .Values.workers | quote }}
{{- end }}
{{- with .Values.admin.tokenSecret }}
- name: SFMC_AUTH_PROXY_ADMIN_TOKEN_FILE
  value: /run/secrets/sfmc-admin/token
{{- end }}
{{- if ne .Values.state.kind "none" }}
- name: SFMC_AUTH_PROXY_STATE_KEY_FILE
  value: /run/secrets/sfmc-state/key
{{- end }}
{{- if eq .Values.state.kind "directory" }}
- name: SFMC_AUTH_PROXY_STATE_DIR
  value: /var/lib/sfmc-auth-proxy
{{- else if eq .Values.state.kind "redis" }}
- name: SFMC_AUTH_PROXY_STATE_REDIS_URL_FILE
  value: /run/secrets/sfmc-redis/url
{{- end }}
{{- include "sfmc-auth-proxy.secretEnv" .Values.secretEnv }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sfmc-auth-proxy.gatewayMounts" -}}
{{- include "sfmc-auth-proxy.secretMounts" (dict "secrets" .Values.secrets "prefix" "") }}
{{- with .Values.admin.tokenSecret }}
- name: admin-token
  mountPath: /run/secrets/sfmc-admin
  readOnly: true
{{- end }}
{{- if ne .Values.state.kind "none" }}
- name: state-key
  mountPath: /run/secrets/sfmc-state
  readOnly: true
{{- end }}
{{- if eq .Values.state.kind "directory" }}
- name: state
  mountPath: /var/lib/sfmc-auth-proxy
{{- else if eq .Values.state.kind "redis" }}
- name: redis-url
  mountPath: /run/secrets/sfmc-redis
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Takes {name, secret, key, path}: one key of a Secret, which the pod's group alone can read. */}}
{{- define "sfmc-auth-proxy.oneKey" }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: {{ .path }}
{{- end }}

{{- define "sfmc-auth-proxy.gatewayVolumes" -}}
{{- include "sfmc-auth-proxy.secretVolumes" (dict "secrets" .Values.secrets "prefix" "" "mode" "0440") }}
{{- with .Values.admin.tokenSecret }}
{{- include "sfmc-auth-proxy.oneKey" (dict "name" "admin-token" "secret" .name "key" .key "path" "token") }}
{{- end }}
{{- with .Values.state }}
{{- if ne .kind "none" }}
{{- include "sfmc-auth-proxy.oneKey" (dict "name" "state-key" "secret" .keySecret.name "key" .keySecret.key "path" "key") }}
{{- end }}
{{- if eq .kind "directory" }}
- name: state
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-state" (include "sfmc-auth-proxy.fullname" $)) .directory.existingClaim }}
{{- else if eq .kind "redis" }}
{{- include "sfmc-auth-proxy.oneKey" (dict "name" "redis-url" "secret" .redis.urlSecret.name "key" .redis.urlSecret.key "path" "url") }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
