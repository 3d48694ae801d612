//! The few shell lines that units carry, each given its values as arguments.

/// Runs docker with these words and says nothing. What is there no more when it is to be stopped or removed would
/// otherwise be told as an error each time, among the container's own lines.
pub const QUIETLY: &str = "exec /usr/bin/docker \"$@\" >/dev/null 2>&1";

/// Waits until container `$1` is healthy, at most `$2` seconds. Fails at once when docker says unhealthy, when the
/// container has no check, or when the unit's main process is gone.
pub const WAIT_HEALTHY: &str = "now() { read -r up rest </proc/uptime; echo ${up%.*}; }; \
end=$(($(now) + $2)); \
while :; do \
case $(/usr/bin/docker inspect --format \
'{{.State.Running}} {{with .State.Health}}{{.Status}}{{else}}none{{end}}' $1 2>/dev/null) in \
'true healthy') exit 0 ;; \
'true unhealthy') echo $1 is unhealthy >&2; exit 1 ;; \
'true none') echo $1 has no health check to wait for >&2; exit 1 ;; \
esac; \
kill -0 $MAINPID 2>/dev/null || { echo $1 ended before it was healthy >&2; exit 1; }; \
[ $(now) -lt $end ] || { echo $1 is not healthy after $2 s >&2; exit 1; }; \
sleep 0.5; \
done";

/// Creates network `$1` by the words that follow `$2`, unless it is there with `$2` as its label; one of ours with
/// another label is replaced, one of somebody else is left alone.
pub const CREATE_NETWORK: &str = "name=$1 unit=$2; shift 2; \
if have=$(/usr/bin/docker network inspect --format '{{index .Labels \"dev.longshore.unit\"}}' $name 2>/dev/null); then \
[ \"$have\" != $unit ] || exit 0; \
[ -n \"$have\" ] || { echo network $name is there and not of longshore >&2; exit 1; }; \
/usr/bin/docker network rm $name || exit 1; \
fi; \
exec /usr/bin/docker network create \"$@\" $name";
