#!/bin/sh
# Makes the database of POSTGRES_USER, POSTGRES_PASSWORD (or _FILE) and POSTGRES_DB at the first start, then runs the
# command. The public image does the same and more.
set -eu
[ "${1:-postgres}" = postgres ] || exec "$@"
user=${POSTGRES_USER:-postgres}
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s\n' "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}" > /tmp/password
  initdb --username="$user" --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8
  rm /tmp/password
  printf "listen_addresses = '*'\nunix_socket_directories = '/tmp'\n" >> "$PGDATA/postgresql.conf"
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  if [ "${POSTGRES_DB:-$user}" != postgres ]; then
    export PGPASSWORD="$POSTGRES_PASSWORD"
    pg_ctl start --wait --options="-c listen_addresses=''" > /dev/null
    psql -h /tmp -U "$user" -d postgres -v ON_ERROR_STOP=1 -c "CREATE DATABASE \"${POSTGRES_DB:-$user}\""
    pg_ctl stop --wait --mode=fast > /dev/null
  fi
fi
exec "$@"
