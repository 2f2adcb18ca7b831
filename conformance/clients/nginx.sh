#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx serves TLS with keys of the token, its workers forked from a master that has logged in; curl shows a server a
# certificate whose key is on the token. Both through the engine of libp11.
. "$(dirname "$0")/lib.sh"

write_engine_config 1
load_keys
if has_edwards; then
    skip "nginx serves and curl shows a certificate" "libp11 0.4.12 finds no key at all on a token with an Ed25519 key"
    exit
fi

# A worker has only those variables that nginx is told of, and the module may need any.
passed_through() { compgen -e | grep -E '^[A-Za-z_][A-Za-z0-9_]*$' | sed 's/.*/env &;/'; }

server() { # NAME CERTIFICATE KEY: one on a local socket, that says which worker answers
    cat <<END
    server {
        listen unix:$work/$1.socket ssl;
        ssl_certificate $2;
        ssl_certificate_key $3;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache off;
        ssl_session_tickets off;
        ssl_verify_client optional_no_ca;
        location / { return 200 "worker \$pid client \$ssl_client_serial\n"; }
    }
END
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/file.key" -out "$work/file.pem" -subj /CN=localhost -days 2 \
    2>/dev/null
{
    printf 'user %s;\nworker_processes 2;\ndaemon off;\n' "$(id -un)"
    printf 'pid %s;\nerror_log %s info;\n' "$work/nginx.pid" "$work/error.log"
    passed_through
    printf 'events { worker_connections 64; }\nhttp {\n    access_log off;\n'
    for kind in client_body proxy fastcgi uwsgi scgi; do printf '    %s_temp_path %s;\n' $kind "$work/$kind"; done
    server file "$work/file.pem" "$work/file.key"
    for key in "${keys[@]}"; do
        id=${key% *}
        [[ -f $work/$id.pem ]] && server "$id" "$work/$id.pem" "\"engine:pkcs11:$(uri "$id");type=private\""
    done
    printf '}\n'
} >"$work/nginx.conf"
nginx=(env "OPENSSL_CONF=$work/openssl.cnf" nginx -e "$work/error.log" -p "$work" -c "$work/nginx.conf")

get() { # SERVER CURL-OPTION...: trusts any certificate; it is the signature that counts
    local name=$1
    shift
    curl --silent --show-error --insecure --max-time 20 --unix-socket "$work/$name.socket" "$@" https://localhost/
}
answers() {
    for _ in {1..100}; do get "$1" >/dev/null 2>&1 && return; sleep 0.1; done
    cat "$work/error.log"
    return 1
}

check "nginx reads the keys" "${nginx[@]}" -t
"${nginx[@]}" >"$work/nginx.log" 2>&1 &
background+=($!) master=$!
check "it starts" answers file || exit

handshakes() { # SERVER COUNT: eight at a time; all must be answered
    export -f get
    export work
    seq "$2" | xargs -P 8 -I '{}' bash -c 'get "$1"' _ "$1" >"$work/answers" ||
        { cat "$work/error.log"; return 1; }
    [[ $(wc -l <"$work/answers") == "$2" ]]
}
by_two_workers() { [[ $(sort -u "$work/answers" | wc -l) -ge 2 ]] || { sort "$work/answers" | uniq -c; return 1; }; }

lose_a_worker() {
    local worker
    worker=$(pgrep -P "$master" | head -n 1)
    kill -9 "$worker" && sleep 0.5 && [[ $(pgrep -c -P "$master") == 2 ]] && handshakes "$1" 16
}
reload() { kill -HUP "$master" && sleep 1 && handshakes "$1" 16; }

for key in "${keys[@]}"; do
    id=${key% *} type=${key#* }
    if [[ ! -f $work/$id.pem ]]; then
        skip "nginx serves with the $type key $id" "the token has no certificate for it"
        continue
    fi
    check "nginx serves TLS 1.3 with the $type key $id" get "$id" --tlsv1.3
    check "nginx serves TLS 1.2 with the $type key $id" get "$id" --tls-max 1.2
    check "32 handshakes, eight at a time, with $id" handshakes "$id" 32
    check "both workers answered" by_two_workers
    check "after a worker was killed the next one serves with $id" lose_a_worker "$id"
    check "after a reload new workers serve with $id" reload "$id"
done

show_certificate() { # ID: the server must have seen its serial number
    OPENSSL_CONF=$work/openssl.cnf get file --engine pkcs11 --cert "$work/$1.pem" --key-type ENG \
        --key "$(uri "$1");type=private" >"$work/answers" || return 1
    cat "$work/answers"
    grep -qi "client $(openssl x509 -in "$work/$1.pem" -noout -serial | sed 's/serial=//')\$" "$work/answers"
}
for key in "${keys[@]}"; do
    id=${key% *} type=${key#* }
    [[ -f $work/$id.pem ]] && check "curl shows the certificate of the $type key $id" show_certificate "$id"
done
