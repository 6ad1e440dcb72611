#!/usr/bin/env bash
# Makes the secrets that compose.yaml hands to its services, each in a file of its own; what is there already stays.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: docker/make-secrets.sh

Writes fresh random secrets into secrets/ beside compose.yaml. It never overwrites: with FIELD_ENCRYPTION_KEYS lost, every credential
in the database is lost, and with BODY_ENCRYPTION_KEYS every encrypted body, so keep a copy of that folder in a safe place. To an
older folder it adds what that lacks: the secrets of the database roles, the key of encrypted bodies (or the one in .env). So run it
before each start of a new version.
TEXT
}

stop() {
    echo "make-secrets: $1" >&2
    exit 1
}

# 32 bytes in base64url, the form of a Fernet key.
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
password() { random | tr -d '='; }

# Readable for every user inside the containers that get it; on this machine the folder lets nobody else through.
write() {
    printf '%s\n' "$2" >"$folder/$1"
    chmod 444 "$folder/$1"
}

# The password of a role for `manage.py create_db_roles`, and the address that its process signs in at.
write_role() {
    local secret
    secret=$(password)
    write "$1_db_password" "$secret"
    write "$1_database_url" "postgresql://nexus_$1:$secret@postgres:5432/nexus"
}

write_roles() {
    local role
    for role in proxy worker dashboard; do
        [[ -e $folder/${role}_database_url ]] || write_role "$role"
    done
}

# For BODY_ENCRYPTION=true: 32 bytes in plain base64, or what .env gives already, as the file goes before it.
write_body_keys() {
    local given=""
    [[ ! -e .env ]] || given=$(sed -n 's/^BODY_ENCRYPTION_KEYS=//p' .env | tail -n 1 | tr -d "\"' ")
    write body_encryption_keys "${given:-$(head -c 32 /dev/urandom | base64)}"
}

# Whether an older script made the folder.
lacks_some() { [[ ! -e $folder/dashboard_database_url || ! -e $folder/body_encryption_keys ]]; }

case "${1:-}" in
"") ;;
-h | --help)
    usage
    exit
    ;;
*) stop "$1 is not known; docker/make-secrets.sh --help says what there is." ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=secrets
if [[ -e $folder/database_url ]] && lacks_some; then
    write_roles
    [[ -e $folder/body_encryption_keys ]] || write_body_keys
    echo "Added to $PWD/secrets what it lacked; the others stayed."
    exit
fi
if [[ -e $folder/database_url ]]; then
    echo "$PWD/$folder lacks nothing, and nothing was changed; to start anew, move it away (the database needs it!)."
    exit
fi
[[ ! -e $folder ]] || stop "$PWD/$folder is there and holds no database_url, so it is not of this script: move it away and run this again."
# Made under another name first: a run cut short leaves nothing that looks complete.
folder=$(mktemp -d secrets.XXXXXX)
trap 'rm -rf "$folder"' EXIT

database=$(password)
redis=$(password)
write postgres_password "$database"
write database_url "postgresql://nexus:$database@postgres:5432/nexus"
write_roles
write redis.conf "requirepass $redis"
write redis_url "redis://:$redis@redis:6379/0"
write secret_key "$(password)$(password)"
write field_encryption_keys "$(random)"
write_body_keys
write dashboard_api_key "$(password)"

mv "$folder" secrets
trap - EXIT
echo "Made $PWD/secrets. Sign in to the dashboard with the key in secrets/dashboard_api_key."
