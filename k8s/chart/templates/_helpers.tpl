{{/* Start of every object's name. */}}
{{- define "headgate.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{/* Labels by which a component's pods are found; they never change. Argument: (list $ "gateway") */}}
{{- define "headgate.selector" -}}
{{ include "headgate.release" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of objects. Argument: (list $ "gateway") */}}
{{- define "headgate.labels" -}}
{{ include "headgate.selector" . }}
app.kubernetes.io/part-of: headgate
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{/*
Image by digest, else by tag. A repository that names a host (docker.io/…, localhost:5000/…) is taken as it is, others are
in images.registry: a runtime would look for them on Docker Hub, under a name that anybody may have registered.
Argument: (list $ .Values.images.gateway)
*/}}
{{- define "headgate.image" -}}
{{- $ := index . 0 }}{{ $image := index . 1 }}
{{- $name := $image.repository }}
{{- if not (regexMatch "^([^/]*[.:][^/]*|localhost)/" $name) }}
{{- $name = printf "%s/%s" (required "images.registry: expected the registry of the images (npm run images writes it)" $.Values.images.registry) $name }}
{{- end }}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}{{ else }}{{ $name }}:{{ $image.tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Host and port of a Service of this release. Argument: (list $ "gateway" 8441) */}}
{{- define "headgate.address" -}}
{{- $ := index . 0 -}}
{{ include "headgate.fullname" $ }}-{{ index . 1 }}.{{ $.Release.Namespace }}.svc.{{ $.Values.clusterDomain }}:{{ index . 2 }}
{{- end }}

{{/*
What every pod has.
Argument: (dict "root" $ "account" "gateway" "values" .Values.gateway "priority" "serving" "labels" LABELS-AS-YAML)
*/}}
{{- define "headgate.pod" -}}
{{- $root := .root -}}
{{- $labels := .labels -}}
serviceAccountName: {{ include "headgate.fullname" $root }}-{{ .account }}
{{ include "headgate.podSecurity" $root }}
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
{{- if $root.Values.priorityClasses.create }}
priorityClassName: {{ $root.Release.Namespace }}-{{ include "headgate.fullname" $root }}-{{ .priority }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  {{- range list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ . }}
    operator: Exists
    effect: NoExecute
    tolerationSeconds: {{ $root.Values.lostNodeSeconds }}
  {{- end }}
  {{- with .values.tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
# Preferences, not conditions: a zone that is lost or a node that is full must not keep pods from starting elsewhere. The
# second one outweighs the scheduler's for nodes that have the image already.
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    nodeTaintsPolicy: Honor
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
  {{- end }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- $labels | nindent 14 }}
{{- end }}

{{/* The pod's side of Pod Security "restricted"; no token of the API server unless a volume brings one. */}}
{{- define "headgate.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The container's side of Pod Security "restricted". */}}
{{- define "headgate.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Starts new pods before it ends old ones, a quarter at a time: one of three, and twenty in four rounds. */}}
{{- define "headgate.rolling" -}}
type: RollingUpdate
rollingUpdate:
  maxSurge: 25%
  maxUnavailable: 0
{{- end }}

{{/* Ends a process that has hung for a minute; one that is slow under load goes on. Argument: "internal" */}}
{{- define "headgate.liveness" -}}
httpGet:
  path: /livez
  port: {{ . }}
periodSeconds: 10
timeoutSeconds: 5
failureThreshold: 6
{{- end }}

{{/* HTTP probe of a port by name. Argument: (list "/readyz" "internal" periodSeconds failureThreshold) */}}
{{- define "headgate.probe" -}}
httpGet:
  path: {{ index . 0 }}
  port: {{ index . 1 }}
periodSeconds: {{ index . 2 }}
timeoutSeconds: 2
failureThreshold: {{ index . 3 }}
{{- end }}

{{/* Labels of every pod of the release. */}}
{{- define "headgate.release" -}}
app.kubernetes.io/name: headgate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Selector of several components' pods. Argument: (list $ (list "gateway" "inference")) */}}
{{- define "headgate.pods" -}}
matchLabels:
  {{- include "headgate.release" (index . 0) | nindent 2 }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: [{{ index . 1 | join ", " }}]
{{- end }}
