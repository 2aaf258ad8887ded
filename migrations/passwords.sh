#!/bin/sh
# Sets the passwords of the two roles that log in, after roles.sql; safe to repeat.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-gateway}" \
  --set=owner="$OWNER_PASSWORD" --set=login="$LOGIN_PASSWORD" <<'SQL'
alter role gateway_owner password :'owner';
alter role gateway_login password :'login';
SQL
