#!/bin/sh
# Run once, by the first start of the postgres image: a database and a role a domain, and no way from one into the other.
set -eu

create_domain() {
  psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 --set domain="$1" --set password="$2" <<'SQL'
CREATE ROLE :"domain" LOGIN PASSWORD :'password';
CREATE DATABASE :"domain" OWNER :"domain";
REVOKE CONNECT ON DATABASE :"domain" FROM PUBLIC;
SQL
}

create_domain payments "$PAYMENTS_DB_PASSWORD"
create_domain users "$USERS_DB_PASSWORD"
