#!/bin/sh
# Does what the public image's entrypoint does, and like it switches off the protection that would let in nobody.
set -eu

case ${1:-} in
    -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" != redis-server ]; then
    exec "$@"
fi
set -- "$@" --protected-mode no
if [ "$(id -u)" = 0 ]; then
    chown -R redis: .
    exec setpriv --reuid redis --regid redis --init-groups "$@"
fi
exec "$@"
