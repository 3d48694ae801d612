#!/usr/bin/env bash
# Does what the public image's entrypoint does: makes the database on the first start, then serves it.
set -euo pipefail

# Reads NAME from the file that NAME_FILE names, if that is set.
from_file() {
    local name=$1 file="${1}_FILE"
    if [ -n "${!file:-}" ]; then
        printf -v "$name" '%s' "$(<"${!file}")"
        export "${name?}"
    fi
}

if [ "${1:0:1}" = '-' ]; then
    set -- postgres "$@"
fi
if [ "$1" != postgres ]; then
    exec "$@"
fi
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres: "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER
    from_file POSTGRES_DB
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        exit 1
    fi

    read -ra arguments <<<"${POSTGRES_INITDB_ARGS:-}"
    initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-none}") "${arguments[@]}"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # Only by its socket: nobody may find it healthy before it is complete.
    export PGPASSWORD="${POSTGRES_PASSWORD:-}"
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    sql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user")
    if [ "$database" != postgres ]; then
        "${sql[@]}" --dbname postgres --set "name=$database" <<<'CREATE DATABASE :"name";'
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh)
                # shellcheck source=/dev/null
                if [ -x "$file" ]; then "$file"; else . "$file"; fi
                ;;
            *.sql) "${sql[@]}" --dbname "$database" --file "$file" ;;
            *.sql.gz) gunzip -c "$file" | "${sql[@]}" --dbname "$database" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    echo 'PostgreSQL init process complete; ready for start up.'
fi

exec "$@" -c listen_addresses='*'
