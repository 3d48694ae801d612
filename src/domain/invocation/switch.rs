//! The verbs of the host script `switch` as invocations, to be run as root.
//!
//! `inventory` and the lock bring the script along, so that a host needs nothing beforehand; everything after `stage`
//! runs the script that was staged, which is also the one that the guard and the boot unit run.

use std::time::Duration;

use super::Invocation;
use crate::domain::name::DeploymentId;
use crate::domain::unit::Scope;

/// The script's text.
pub const SCRIPT: &str = include_str!("../../../templates/systemd/switch");

/// Unpacks a staged tar beside everything else, then lets the script that it brings take it in. A tar that is cut off,
/// or that the disk has no room for, leaves nothing.
const UNPACK: &str = "umask 022\n\
    folder=/var/lib/longshore/$1 && incoming=$folder/.incoming.$$ &&\n\
    mkdir -p -m 0700 \"$folder\" && mkdir \"$incoming\" && tar -xf - --no-same-owner -C \"$incoming\" &&\n\
    exec /bin/sh \"$incoming/switch\" --scope \"$1\" stage \"$2\" \"$incoming\"\n\
    rm -rf \"$incoming\"\n\
    printf 'failed\\tstage\\tdisk\\nend\\tfailed\\n'\n\
    exit 1";

/// Asks what the host runs and is.
#[must_use]
pub fn inventory(scope: &Scope) -> Invocation {
    brought(scope, ["inventory"])
}

/// Takes the environment's lock for `owner`, for so long unless renewed. The answer's token is above all that this
/// host saw and above `above`.
#[must_use]
pub fn acquire(scope: &Scope, owner: &str, lease: Duration, above: u64) -> Invocation {
    let (lease, above) = (seconds(lease), above.to_string());
    brought(
        scope,
        [
            "lock", "acquire", "--owner", owner, "--lease", &lease, "--above", &above,
        ],
    )
}

/// Holds the lock for so long from now.
#[must_use]
pub fn renew(scope: &Scope, token: u64, lease: Duration) -> Invocation {
    brought(
        scope,
        [
            "lock",
            "renew",
            "--token",
            &token.to_string(),
            "--lease",
            &seconds(lease),
        ],
    )
}

/// Gives the lock back.
#[must_use]
pub fn release(scope: &Scope, token: u64) -> Invocation {
    brought(scope, ["lock", "release", "--token", &token.to_string()])
}

/// Takes the lock away from whoever holds it.
#[must_use]
pub fn break_lock(scope: &Scope, who: &str) -> Invocation {
    brought(scope, ["lock", "release", "--force", "--owner", who])
}

/// Writes a deployment's folder from a tar of [`super::archive`], which changes nothing that runs.
#[must_use]
pub fn stage(scope: &Scope, deployment: &DeploymentId, tar: Vec<u8>) -> Invocation {
    let scope = scope.to_string();
    Invocation::new([
        "/bin/sh",
        "-c",
        UNPACK,
        "stage",
        &scope,
        deployment.as_str(),
    ])
    .with_stdin(tar)
}

/// A switch to a staged deployment.
#[derive(Debug, Clone)]
pub struct Apply<'a> {
    /// Whose host it is.
    pub scope: &'a Scope,
    /// What it is switched to.
    pub deployment: &'a DeploymentId,
    /// The lock's fencing token.
    pub token: u64,
    /// How long the guard waits for a confirmation or a renewal, in whole seconds.
    pub guard: Duration,
    /// Who does it, for the host's audit file.
    pub actor: &'a str,
    /// Whether units and containers that longshore did not make are replaced.
    pub adopt: bool,
}

/// Arms the guard and switches. What fails on the way goes back at once.
#[must_use]
pub fn apply(apply: &Apply<'_>) -> Invocation {
    let Apply {
        scope,
        deployment,
        token,
        guard,
        actor,
        adopt,
    } = apply;
    let (token, guard) = (token.to_string(), seconds(*guard));
    let words = [
        "apply",
        deployment.as_str(),
        "--token",
        &token,
        "--guard",
        &guard,
        "--actor",
        actor,
    ];
    installed(scope, words.into_iter().chain(adopt.then_some("--adopt")))
}

/// Asks how the units stand that the host is switched to, and holds the guard off for so long if told to.
#[must_use]
pub fn status(scope: &Scope, renew: Option<(Duration, u64)>) -> Invocation {
    let renew = renew.map(|(hold, token)| [seconds(hold), token.to_string()]);
    let options = renew
        .iter()
        .flat_map(|[hold, token]| ["--renew", hold, "--token", token]);
    installed(scope, ["status"].into_iter().chain(options))
}

/// Makes the switch final, unless the guard was first.
#[must_use]
pub fn confirm(scope: &Scope, deployment: &DeploymentId, token: u64, actor: &str) -> Invocation {
    let token = token.to_string();
    installed(
        scope,
        [
            "confirm",
            deployment.as_str(),
            "--token",
            &token,
            "--actor",
            actor,
        ],
    )
}

/// Where [`revert`] leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackTo<'a> {
    /// Where the pending switch came from.
    Before,
    /// To this deployment.
    Deployment(&'a DeploymentId),
    /// To deployment zero: nothing of this scope runs.
    Nothing,
}

/// Goes back, whether the switch was confirmed or not. An `apply` under way is ended.
#[must_use]
pub fn revert(scope: &Scope, to: BackTo<'_>, token: u64, actor: &str) -> Invocation {
    let token = token.to_string();
    let to = match to {
        BackTo::Before => None,
        BackTo::Deployment(id) => Some(id.as_str()),
        BackTo::Nothing => Some("none"),
    };
    let words = ["revert", "--token", &token, "--actor", actor];
    installed(
        scope,
        words
            .into_iter()
            .chain(to.iter().flat_map(|to| ["--to", to])),
    )
}

/// Removes deployments beyond the newest `keep`, with the assets and images that no other needs.
#[must_use]
pub fn prune(scope: &Scope, token: u64, keep: usize) -> Invocation {
    installed(
        scope,
        [
            "prune",
            "--token",
            &token.to_string(),
            "--keep",
            &keep.to_string(),
        ],
    )
}

fn brought<'w>(scope: &Scope, words: impl IntoIterator<Item = &'w str>) -> Invocation {
    let fixed = ["/bin/sh", "-s", "--", "--scope"].map(str::to_owned);
    let words = words.into_iter().map(str::to_owned);
    Invocation::new(fixed.into_iter().chain([scope.to_string()]).chain(words)).with_stdin(SCRIPT)
}

fn installed<'w>(scope: &Scope, words: impl IntoIterator<Item = &'w str>) -> Invocation {
    let fixed = ["/bin/sh".to_owned(), format!("{}/switch", scope.folder())];
    Invocation::new(
        fixed
            .into_iter()
            .chain(words.into_iter().map(str::to_owned)),
    )
}

/// The script counts whole seconds; a part of one counts as one.
fn seconds(duration: Duration) -> String {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            cluster: "shop".parse().unwrap(),
            environment: "prod".parse().unwrap(),
        }
    }

    fn id() -> DeploymentId {
        "0123456789ab".parse().unwrap()
    }

    #[test]
    fn brings_the_script_before_anything_is_staged() {
        for (invocation, line) in [
            (inventory(&scope()), "inventory"),
            (
                acquire(&scope(), "ann@laptop 12", Duration::from_millis(1500), 9),
                "lock acquire --owner 'ann@laptop 12' --lease 2 --above 9",
            ),
            (
                renew(&scope(), 7, Duration::from_secs(60)),
                "lock renew --token 7 --lease 60",
            ),
            (release(&scope(), 7), "lock release --token 7"),
            (
                break_lock(&scope(), "ann"),
                "lock release --force --owner ann",
            ),
        ] {
            assert_eq!(
                invocation.shell_line(),
                format!("/bin/sh -s -- --scope shop-prod {line}")
            );
            assert_eq!(invocation.stdin, SCRIPT.as_bytes());
        }
    }

    #[test]
    fn runs_the_staged_script_afterwards() {
        let (scope, id) = (scope(), id());
        let apply = |adopt| {
            apply(&Apply {
                scope: &scope,
                deployment: &id,
                token: 7,
                guard: Duration::from_secs(90),
                actor: "ann; rm",
                adopt,
            })
        };
        for (invocation, line) in [
            (
                apply(false),
                "apply 0123456789ab --token 7 --guard 90 --actor 'ann; rm'",
            ),
            (
                apply(true),
                "apply 0123456789ab --token 7 --guard 90 --actor 'ann; rm' --adopt",
            ),
            (status(&scope, None), "status"),
            (
                status(&scope, Some((Duration::from_secs(30), 7))),
                "status --renew 30 --token 7",
            ),
            (
                confirm(&scope, &id, 7, "ann"),
                "confirm 0123456789ab --token 7 --actor ann",
            ),
            (
                revert(&scope, BackTo::Before, 7, "ann"),
                "revert --token 7 --actor ann",
            ),
            (
                revert(&scope, BackTo::Deployment(&id), 7, "ann"),
                "revert --token 7 --actor ann --to 0123456789ab",
            ),
            (
                revert(&scope, BackTo::Nothing, 7, "ann"),
                "revert --token 7 --actor ann --to none",
            ),
            (prune(&scope, 7, 5), "prune --token 7 --keep 5"),
        ] {
            assert_eq!(
                invocation.shell_line(),
                format!("/bin/sh /var/lib/longshore/shop-prod/switch {line}")
            );
            assert!(invocation.stdin.is_empty());
        }
    }

    #[test]
    fn a_script_that_is_cut_on_its_way_does_nothing() {
        let code = SCRIPT.trim_end().lines().next_back().unwrap();
        assert_eq!(code, "main \"$@\" </dev/null");
        assert_eq!(SCRIPT.matches("\nmain ").count(), 1);
    }
}
