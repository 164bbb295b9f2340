#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is not HTTP inside TLS: psql and PostgreSQL, whose TLS begins some bytes into the connection,
# by OpenSSL on both sides. Nothing of it is ours, nor is anything told of it but a handshake that fails.
. "$(dirname "$0")/lib.sh"
need psql setpriv
initdb=$(compgen -G "/usr/lib/postgresql/*/bin/initdb" | tail -n 1)
[ "$initdb" ] || skip "PostgreSQL is not installed"
certificate
attributes=error.type,server.address

# It does not run as root.
as=()
if [ "$(id -u)" = 0 ]; then
	id postgres >/dev/null 2>&1 || skip "there is no user postgres"
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	chmod a+rx "$dir"
fi
export PGUSER=postgres PGDATABASE=postgres PGHOST=localhost PGCONNECT_TIMEOUT=20
export PGPORT PGSSLMODE=verify-full PGSSLROOTCERT=$dir/tls/cert.pem
PGPORT=$(free_port)
mkdir "$dir/data" "$dir/pgtls"
cp "$dir/tls/cert.pem" "$dir/tls/key.pem" "$dir/pgtls"
[ -z "${as[*]}" ] || chown -R postgres "$dir/data" "$dir/pgtls"
chmod 600 "$dir/pgtls/key.pem"
cd "$dir" || exit
"${as[@]}" "$initdb" -D "$dir/data" -U postgres -A trust --no-sync --no-locale >/dev/null || skip "no cluster of PostgreSQL"
server=("${as[@]}" "${initdb%initdb}postgres" -D "$dir/data" -h localhost -p "$PGPORT" -k ''
	-c fsync=off -c ssl=on -c "ssl_cert_file=$dir/pgtls/cert.pem" -c "ssl_key_file=$dir/pgtls/key.pem"
	-c log_line_prefix= -c log_destination=stderr)

answers() {
	wait_for 20 psql -qAtc 'select 1' 2>/dev/null
}

# All that psql has of a protocol: rows, many of them, COPY both ways, an error, a notification.
cat >"$dir/queries" <<'END'
select version, cipher from pg_stat_ssl where pid = pg_backend_pid();
create table t (n int, s text);
insert into t select n, repeat('GET / HTTP/1.1', 100) from generate_series(1, 3000) n;
select count(*), md5(string_agg(s, '' order by n)) from t;
select n, s from t order by n;
\copy t to 'copied'
\copy t from 'copied'
select count(*) from t;
listen heard;
notify heard, 'GET /ok HTTP/1.1';
select wrong from t;
drop table t;
END

"${server[@]}" >/dev/null 2>&1 &
postgres=$!
running="$running $postgres"
answers >/dev/null || skip "PostgreSQL does not start"
mask='s/(server process with PID) [0-9]+/\1 PID/'
sends "psql" psql -X -f "$dir/queries" </dev/null
check "it was inside TLS" grep -q 'TLSv1.3 | TLS_' "$dir/traced/out"
sends "psql, TLS 1.2" env PGSSLMAXPROTOCOLVERSION=TLSv1.2 psql -XAtc 'select version from pg_stat_ssl where pid = pg_backend_pid()' </dev/null
sends "psql, with nothing to trust the server by" env PGHOST=127.0.0.1 PGSSLROOTCERT=/etc/ssl/certs/none psql -XAtc 'select 1' </dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out "$dir/tls/other.pem" -subj /CN=other 2>/dev/null
sends "psql, with another to trust" env PGSSLROOTCERT="$dir/tls/other.pem" psql -XAtc 'select 1' <<'END'
INTERNAL TLS client handshake localhost [unknown_service:psql] ERROR error.type=self_signed_certificate server.address=localhost
END
stop "$postgres"

requests() {
	answers
	psql -X -f "$dir/queries"
	env PGSSLROOTCERT="$dir/tls/other.pem" psql -XAtc 'select 1'
	true
}
server_port=$PGPORT
mask='/^(FATAL|LOG): |starting PostgreSQL/d; s/(server process with PID) [0-9]+/\1 PID/'
serves "PostgreSQL" "${server[@]}" </dev/null
exit
