{{/* Database of MLflow or Airflow. Argument: (list $ "mlflow") */}}
{{- define "headgate.databaseEnv" -}}
{{- $ := index . 0 -}}
- name: HEADGATE_PIPELINES_DATABASE_URL
{{- if $.Values.devServices.enabled }}
  value: postgresql+psycopg2://headgate@{{ include "headgate.fullname" $ }}-postgres:5432/{{ index . 1 }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.secrets.postgres.existingSecret }}
      key: password
{{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ (index $.Values.secrets (index . 1)).existingSecret }}
      key: url
{{- end }}
{{- end }}

{{/* Access to S3, where it is used. Argument: $ */}}
{{- define "headgate.s3Env" -}}
{{- if .Values.s3.enabled }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.secrets.s3.existingSecret }}
      key: {{ . }}
{{- end }}
{{- with .Values.s3.endpoint }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Address of the registry that inference loads versions from and control follows; empty: none. Argument: $ */}}
{{- define "headgate.registry" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "headgate.address" (list . "mlflow" 5000) }}
{{- else -}}
{{ .Values.mlflow.url }}
{{- end }}
{{- end }}

{{- define "headgate.registryEnv" -}}
{{- with include "headgate.registry" . }}
- name: HEADGATE_REGISTRY__URL
  value: {{ . }}
{{- end }}
{{- end }}

{{/* What is alike in the containers of MLflow and Airflow. Argument: (list $ "pipelines") */}}
{{- define "headgate.pythonContainer" -}}
{{- $ := index . 0 -}}
image: {{ include "headgate.image" (list $ (index $.Values.images (index . 1))) }}
imagePullPolicy: {{ $.Values.images.pullPolicy }}
securityContext:
  {{- include "headgate.restricted" $ | nindent 2 }}
{{- end }}

{{/* Claim of a StatefulSet with one pod. Argument: SIZE */}}
{{- define "headgate.dataClaim" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    resources:
      requests:
        storage: {{ . }}
{{- end }}
