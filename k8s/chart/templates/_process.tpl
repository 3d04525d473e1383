{{/* The layers of config/ that hold in this environment. */}}
{{- define "headgate.layers" -}}
{{- range list "base" .Values.environment }}
{{- $layer := $.Files.Get (printf "files/%s.yaml" .) }}
{{- if not $layer }}{{ fail (printf "files/%s.yaml is missing: files/ is a link to config/ of the repository" .) }}{{ end }}
{{ . }}.yaml: |
  {{- $layer | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Variables of one of our processes, above the layers of config/, each once: of settings with the same name the last one holds,
and none may have the name of a variable that the chart sets. An operator's settings come after the chart's defaults.
Argument: (dict "root" $ "own" (list VARIABLES-AS-YAML) "defaults" SETTINGS "settings" (list (list PATH SETTINGS)))
*/}}
{{- define "headgate.env" -}}
{{- $values := .root.Values -}}
{{- $own := prepend .own (include "headgate.commonEnv" .root) | join "\n" -}}
{{- $names := list -}}
{{- range fromYamlArray $own }}{{ $names = append $names .name }}{{ end -}}
{{- $global := list (list "settings" $values.settings) (list "secretSettings" $values.secretSettings) -}}
{{- $entries := dict -}}
{{- range concat (list (list "defaults" .defaults)) $global (default list .settings) -}}
{{- $path := index . 0 -}}
{{- range $name, $value := index . 1 -}}
{{- if has $name $names }}{{ fail (printf "%s.%s: the chart itself sets this variable" $path $name) }}{{ end -}}
{{- $entry := dict "name" $name -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $entry "valueFrom" (dict "secretKeyRef" (dict "name" $value.secret "key" $value.key)) -}}
{{- else }}{{ $_ := set $entry "value" $value }}{{ end -}}
{{- $_ := set $entries $name $entry -}}
{{- end -}}
{{- end -}}
{{ trim $own }}
{{- range $entries }}
{{ list . | toYaml }}
{{- end }}
{{- end }}

{{/* What the chart sets for each of our processes. Argument: $ */}}
{{- define "headgate.commonEnv" -}}
- name: HEADGATE_ENV
  value: {{ .Values.environment }}
- name: HEADGATE_LISTEN__INTERNAL_HOST
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: HEADGATE_LISTEN__INTERNAL_SECRET_FILE
  value: secrets/internal/internal.secret
- name: HEADGATE_ROUTING_CONFIG_MAP
  value: {{ include "headgate.fullname" . }}-routing
- name: HEADGATE_ROUTING_FILE # mounted copy, for a start without the API server
  value: routing/routing.yaml
{{- with include "headgate.serverless" . }}
- name: HEADGATE_SERVERLESS
  value: {{ . | quote }}
{{- end }}
{{- with .Values.envoy.serverNames }}
- name: HEADGATE_ENVOY__SERVER_NAMES
  value: {{ toJson . | quote }}
{{- end }}
{{- end }}

{{/* The pod's name as a writer of logs. Argument: "RECORDS" or "AUDIT" */}}
{{- define "headgate.writerEnv" -}}
- name: HEADGATE_{{ . }}__WRITER
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}

{{/* PostgreSQL as the store of records. Argument: $ */}}
{{- define "headgate.recordsEnv" -}}
- name: HEADGATE_RECORDS__SINK
  value: postgres
{{ include "headgate.postgresEnv" (list . "HEADGATE_RECORDS__POSTGRES_URL") }}
{{- end }}

{{/* PostgreSQL as the store of audit records. Argument: $ */}}
{{- define "headgate.auditEnv" -}}
- name: HEADGATE_AUDIT__STORE
  value: postgres
{{ include "headgate.postgresEnv" (list . "HEADGATE_AUDIT__POSTGRES_URL") }}
{{- end }}

{{/* Argument: (list $ NAME-OF-VARIABLE) */}}
{{- define "headgate.postgresEnv" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ (index . 0).Values.secrets.postgres.existingSecret }}
      key: url
{{- end }}

{{/* Mounts of our processes that call each other. */}}
{{- define "headgate.mounts" -}}
{{ include "headgate.basicMounts" . }}
- name: internal
  mountPath: /headgate/secrets/internal
  readOnly: true
{{- end }}

{{- define "headgate.basicMounts" -}}
- name: config
  mountPath: /headgate/config
  readOnly: true
- name: state
  mountPath: /headgate/state
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* Volumes behind those mounts. Argument: (list $ SIZE-OF-STATE SIZE-OF-TMP) */}}
{{- define "headgate.volumes" -}}
{{- $ := index . 0 -}}
- name: config
  configMap:
    name: {{ include "headgate.fullname" $ }}-config
- name: state
  emptyDir:
    sizeLimit: {{ index . 1 }}
- name: tmp
  emptyDir:
    sizeLimit: {{ index . 2 }}
{{ include "headgate.secretVolume" (list $ "internal" (list "internal.secret")) }}
{{- end }}

{{/* Volume of a Secret by its name in values. Argument: (list $ "keys" (list "keys.yaml")) */}}
{{- define "headgate.secretVolume" -}}
- name: {{ index . 1 | kebabcase }}
  secret:
    secretName: {{ (index (index . 0).Values.secrets (index . 1)).existingSecret }}
    defaultMode: 288 # 0440
    items:
      {{- range index . 2 }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end }}

{{- define "headgate.routingMount" -}}
- name: routing
  mountPath: /headgate/routing
  readOnly: true
{{- end }}

{{- define "headgate.routingVolume" -}}
- name: routing
  configMap:
    name: {{ include "headgate.fullname" . }}-routing
{{- end }}

{{/* Token for the API server, in the one container that needs it: neither sidecars nor init containers have it. */}}
{{- define "headgate.tokenMount" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{- define "headgate.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 288 # 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{/* Copies the pod's audit log into PostgreSQL; ends after the container it serves. Argument: $ */}}
{{- define "headgate.auditSidecar" -}}
- name: audit
  image: {{ include "headgate.image" (list . .Values.images.control) }}
  imagePullPolicy: {{ .Values.images.pullPolicy }}
  command: [node, control/dist/ship-audit.js]
  restartPolicy: Always
  securityContext:
    {{- include "headgate.restricted" . | nindent 4 }}
  env:
    {{- $own := list (include "headgate.writerEnv" "AUDIT") (include "headgate.auditEnv" .) }}
    {{- include "headgate.env" (dict "root" . "own" $own) | nindent 4 }}
  resources:
    {{- toYaml .Values.audit.resources | nindent 4 }}
  volumeMounts:
    {{- include "headgate.basicMounts" . | nindent 4 }}
{{- end }}

{{/* Copies the models of its image into the pod. Argument: $ */}}
{{- define "headgate.modelsInit" -}}
- name: models
  image: {{ include "headgate.image" (list . .Values.images.models) }}
  imagePullPolicy: {{ .Values.images.pullPolicy }}
  securityContext:
    {{- include "headgate.restricted" . | nindent 4 }}
  resources:
    {{- toYaml .Values.models.resources | nindent 4 }}
  volumeMounts:
    - name: models
      mountPath: /headgate/models
{{- end }}

{{/* Values of a pool as YAML: those of `inference`, with the pool's own in their place, two levels deep. Argument: (list $ POOL) */}}
{{- define "headgate.pool" -}}
{{- $values := omit (index . 0).Values.inference "pools" | deepCopy -}}
{{- range $key, $own := index . 1 -}}
{{- if and (kindIs "map" $own) (kindIs "map" (index $values $key)) -}}
{{- range $inner, $value := $own }}{{ $_ := set (index $values $key) $inner $value }}{{ end -}}
{{- else }}{{ $_ := set $values $key $own }}{{ end -}}
{{- end -}}
{{ toYaml $values }}
{{- end }}

{{/* Models of serverless pools, as the setting has them; empty where there are none. Argument: $ */}}
{{- define "headgate.serverless" -}}
{{- $models := dict -}}
{{- range $pool, $own := .Values.inference.pools -}}
{{- if and $own.enabled $own.serverless -}}
{{- $one := dict "deployment" (include "headgate.poolName" (list $ $pool)) -}}
{{- with $own.serverless.idleSeconds }}{{ $_ := set $one "idle_s" (int .) }}{{ end -}}
{{- with $own.serverless.parked }}{{ $_ := set $one "parked" (int .) }}{{ end -}}
{{- $_ := set $models $own.serverless.model $one -}}
{{- end -}}
{{- end -}}
{{- if $models }}{{ toJson $models }}{{ end -}}
{{- end }}

{{/* Name of a pool's Deployment. Argument: (list $ NAME-OF-POOL) */}}
{{- define "headgate.poolName" -}}
{{ include "headgate.fullname" (index . 0) }}-inference{{ if ne (index . 1) "default" }}-{{ index . 1 }}{{ end }}
{{- end }}
