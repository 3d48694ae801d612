//! Hosts to test on, and deployments of hand-written units.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use crate::lab;
use longshore::domain::cluster::SshTarget;
use longshore::domain::inventory::{self, Inventory};
use longshore::domain::invocation::answer::{Answer, Unanswered, answer};
use longshore::domain::invocation::switch::{self, Apply, BackTo};
use longshore::domain::invocation::{Invocation, archive};
use longshore::domain::ledger::{Asset, ImageIdentity, Provenance};
use longshore::domain::name::{DeploymentId, Digest, ReleaseId};
use longshore::domain::unit::{Instance, Kind, Listed, Scope, Tree};
use longshore::system::ssh::{Completed, Connection, Options, Remote, Request};

/// Takes both hosts of the lab for as long as this program runs: its tests share one, and take turns on the other.
fn hosts() -> &'static [lab::Host] {
    static HOSTS: OnceLock<Vec<lab::Host>> = OnceLock::new();
    HOSTS.get_or_init(|| {
        let hosts = lab::all();
        for host in &hosts {
            // What a test left that did not come to its end.
            host.sh(
                "umount --lazy /var/lib/longshore/* 2>/dev/null; rm -rf /run/systemd/system/*-t-*",
            );
            host.clean();
        }
        hosts
    })
}

/// Returns how the hosts are reached. The first call brings the lab up.
pub fn options() -> Options {
    hosts();
    Options {
        config: Some(lab::ssh_config()),
        ..Options::default()
    }
}

/// Returns the host that every test may use, as long as it stays up.
pub fn target() -> SshTarget {
    "lab-1".parse().unwrap()
}

/// Returns the host that may be restarted, by one test at a time.
pub fn fragile() -> SshTarget {
    "lab-2".parse().unwrap()
}

/// Connects to the host that every test may use.
pub async fn connect() -> Connection {
    Connection::connect(&target(), &options()).await.unwrap()
}

/// A shell script as a request.
pub fn script(text: &str) -> Request {
    Request::new(Invocation::new(["/bin/sh", "-c", text]))
}

/// Runs a shell script on the host.
pub async fn sh(connection: &Connection, text: &str) -> Completed {
    connection.run(script(text), &mut |_, _| {}).await.unwrap()
}

/// Restarts the fragile host as a reboot does: everything that runs ends, /run is empty.
pub fn reboot() {
    hosts()[1].reboot();
}

/// A scope of its own on a host, with everything that longshore does to it.
pub struct Site {
    pub scope: Scope,
    pub connection: Connection,
    target: SshTarget,
    image: ImageIdentity,
}

/// What a verb answered.
pub type Verdict = Result<Answer, Unanswered>;

impl Site {
    /// Begins with nothing on the host.
    pub async fn new(name: &str) -> Self {
        Self::on(target(), name).await
    }

    pub async fn on(target: SshTarget, name: &str) -> Self {
        let connection = Connection::connect(&target, &options()).await.unwrap();
        let scope = Scope {
            cluster: name.parse().unwrap(),
            environment: "t".parse().unwrap(),
        };
        let image = image(&connection).await;
        let site = Self {
            scope,
            connection,
            target,
            image,
        };
        site.wipe().await;
        site
    }

    /// Removes everything of it from the host.
    pub async fn wipe(&self) {
        let s = &self.scope;
        self.root(&format!(
            "systemctl kill -s KILL 'longshore-switch:{s}:*' {s}-guard.service; \
             for unit in $(cd /etc/systemd/system && ls -d {s}-*.service {s}.target); do systemctl stop $unit; rm -rf /etc/systemd/system/$unit; done; \
             rm -rf /run/systemd/system/{s}-* /etc/systemd/system/{s}-*.d /etc/systemd/system/multi-user.target.wants/{s}-boot.service; umount --lazy /var/lib/longshore/{s}; rm -rf /var/lib/longshore/{s} /run/longshore/{s}; \
             systemctl daemon-reload; systemctl reset-failed '{s}-*'; docker rm -f $(docker ps -aq --filter label=dev.longshore.cluster={c}); docker network rm {s}; true",
            c = s.cluster
        ))
        .await;
    }

    /// Connects anew, waiting until the host is up again.
    pub async fn reconnect(&mut self) {
        for _ in 0..60 {
            match Connection::connect(&self.target, &options()).await {
                Ok(connection) => {
                    self.connection = connection;
                    self.root("until systemctl is-system-running --wait; do sleep 1; done; docker version").await;
                    return;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
        panic!("the host does not come back");
    }

    /// Runs a script as root and returns what it printed.
    pub async fn root(&self, text: &str) -> String {
        let done = self
            .connection
            .run(script(text).as_root(), &mut |_, _| {})
            .await
            .unwrap();
        done.stdout.trim().to_owned()
    }

    async fn run(&self, invocation: Invocation) -> Completed {
        let request = Request::new(invocation)
            .as_root()
            .within(Duration::from_secs(120));
        self.connection.run(request, &mut |_, _| {}).await.unwrap()
    }

    /// Runs a verb and judges its answer.
    pub async fn verb(&self, invocation: Invocation) -> Verdict {
        let done = self.run(invocation).await;
        answer(&done.stdout, &done.stderr)
    }

    pub async fn inventory(&self) -> Inventory {
        let done = self.run(switch::inventory(&self.scope)).await;
        inventory::parse(&done.stdout).unwrap_or_else(|error| panic!("{error}\n{done:?}"))
    }

    pub async fn status(&self) -> Inventory {
        let done = self.run(switch::status(&self.scope, None)).await;
        inventory::parse(&done.stdout).unwrap_or_else(|error| panic!("{error}\n{done:?}"))
    }

    pub async fn stage(&self, tree: &Tree) -> DeploymentId {
        let tar = archive(tree, &BTreeMap::new(), &BTreeSet::new()).unwrap();
        self.verb(switch::stage(&self.scope, &tree.id(), tar))
            .await
            .unwrap();
        tree.id()
    }

    pub fn applying<'a>(&'a self, deployment: &'a DeploymentId, token: u64) -> Apply<'a> {
        Apply {
            scope: &self.scope,
            deployment,
            token,
            guard: Duration::from_secs(60),
            actor: "test",
            adopt: false,
        }
    }

    pub async fn apply(&self, deployment: &DeploymentId, token: u64) -> Verdict {
        self.verb(switch::apply(&self.applying(deployment, token)))
            .await
    }

    pub async fn confirm(&self, deployment: &DeploymentId, token: u64) -> Verdict {
        self.verb(switch::confirm(&self.scope, deployment, token, "test"))
            .await
    }

    pub async fn revert(&self, to: BackTo<'_>, token: u64) -> Verdict {
        self.verb(switch::revert(&self.scope, to, token, "test"))
            .await
    }

    /// Stages, applies and confirms.
    pub async fn deploy(&self, tree: &Tree, token: u64) -> DeploymentId {
        let id = self.stage(tree).await;
        self.apply(&id, token).await.unwrap();
        self.confirm(&id, token).await.unwrap();
        self.settled(tree).await;
        id
    }

    /// Waits until the host runs a tree, and nothing but that.
    pub async fn settled(&self, tree: &Tree) {
        let mut why = String::new();
        for _ in 0..80 {
            let inventory = self.inventory().await;
            let wanted: BTreeSet<_> = tree.units.iter().map(|unit| &unit.name).collect();
            let found: BTreeSet<_> = inventory.units.keys().collect();
            let wrong: Vec<_> = tree
                .units
                .iter()
                .filter(|unit| {
                    let Some(state) = inventory.units.get(&unit.name) else {
                        return true;
                    };
                    let runs = match unit.kind {
                        Kind::Service => {
                            state.active == "active"
                                && state.running == Some(unit.identity)
                                && state.image == Some(self.image.config)
                        }
                        Kind::Network => {
                            state.active == "active" && state.running == Some(unit.identity)
                        }
                        Kind::Target => state.active == "active",
                        Kind::Volume | Kind::OneShot | Kind::Boot => true,
                    };
                    !runs || !state.intact
                })
                .map(|unit| (&unit.name, inventory.units.get(&unit.name)))
                .collect();
            if wrong.is_empty()
                && wanted == found
                && inventory.current == Some(tree.id())
                && inventory.pending.is_none()
            {
                return;
            }
            why = format!(
                "{wrong:?}\nwanted {wanted:?}\nfound {found:?}\ncurrent {:?} of {}\npending {:?}",
                inventory.current,
                tree.id(),
                inventory.pending
            );
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("{} does not settle: {why}", self.scope);
    }

    /// Ids of the running containers, by name.
    pub async fn containers(&self) -> BTreeMap<String, String> {
        let text = self.root(&format!("docker ps --no-trunc --filter label=dev.longshore.cluster={} --format '{{{{.Names}}}} {{{{.ID}}}}'", self.scope.cluster)).await;
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect()
    }

    /// A tree of a network, a target, the boot unit, and services; each service is its name and a word that changes it.
    pub fn tree(&self, services: &[(&str, &str)]) -> Tree {
        self.tree_with(services, &[], "")
    }

    /// The same with one-shots, each its name and a shell line, and a word that changes the network.
    pub fn tree_with(
        &self,
        services: &[(&str, &str)],
        oneshots: &[(&str, &str)],
        network: &str,
    ) -> Tree {
        let s = &self.scope;
        let mut units = vec![self.network(network)];
        units.extend(oneshots.iter().map(|(name, line)| self.oneshot(name, line)));
        units.extend(services.iter().map(|(name, word)| self.service(name, word)));
        let wants: String = units
            .iter()
            .filter(|unit| unit.kind == Kind::Service)
            .map(|unit| format!("Wants={}\n", unit.name))
            .collect();
        units.push(self.listed(Kind::Target, &s.target(), &format!("[Unit]\n{wants}")));
        let boot = format!(
            "[Unit]\nWants=docker.service\nAfter=docker.service\n[Service]\nType=oneshot\nExecStart=/bin/sh {}/switch boot\n\
             [Install]\nWantedBy=multi-user.target\n",
            s.folder()
        );
        units.push(self.listed(Kind::Boot, &format!("{s}-boot.service"), &boot));
        Tree {
            scope: s.clone(),
            units,
            images: [("sleep".parse().unwrap(), self.image.clone())].into(),
            parts: BTreeMap::new(),
            assets: BTreeMap::<Digest, BTreeMap<PathBuf, Asset>>::new(),
            release: "0123456789ab".parse::<ReleaseId>().unwrap(),
            provenance: Provenance {
                commit: "c0ffee".to_owned(),
                dirty: false,
                actor: "test".to_owned(),
            },
            origin: "/srv/test".to_owned(),
        }
    }

    fn network(&self, word: &str) -> Listed {
        let s = &self.scope;
        let text = format!(
            "[Unit]\nPartOf={s}.target\nRequires=docker.service\nAfter=docker.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
             ExecStart=/bin/sh -c '/usr/bin/docker network inspect {s} >/dev/null 2>&1 || /usr/bin/docker network create --label dev.longshore.unit=IDENTITY --label word={word} {s}'\n\
             ExecStop=-/usr/bin/docker network rm {s}\n"
        );
        let unit = self.listed(Kind::Network, &format!("{s}-network.service"), &text);
        Listed {
            subject: Some(s.to_string()),
            ..unit
        }
    }

    fn oneshot(&self, name: &str, line: &str) -> Listed {
        let s = &self.scope;
        let text = format!(
            "[Unit]\nRequires={s}-network.service\nAfter={s}-network.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c '{line}'\nTimeoutStartSec=infinity\n"
        );
        let unit = self.listed(Kind::OneShot, &format!("{s}-{name}-1.service"), &text);
        Listed {
            instance: Some(instance(name)),
            ..unit
        }
    }

    /// A word that begins with `!` is a line of the unit's `[Service]` section, before everything else.
    fn service(&self, name: &str, word: &str) -> Listed {
        let s = &self.scope;
        let container = format!("{s}-{name}-1");
        let extra = word
            .strip_prefix('!')
            .map_or_else(String::new, |line| format!("{line}\n"));
        let (cluster, environment) = (&s.cluster, &s.environment);
        let image = self.image.reference(&"sleep".parse().unwrap());
        let text = format!(
            "[Unit]\nPartOf={s}.target\nRequires=docker.service {s}-network.service\nAfter=docker.service {s}-network.service\n\
             [Service]\nType=exec\n{extra}ExecStartPre=-/usr/bin/docker rm -f {container}\n\
             ExecStart=/usr/bin/docker run --rm --name {container} --network {s} --stop-signal KILL --label dev.longshore.cluster={cluster} \
             --label dev.longshore.environment={environment} --label dev.longshore.unit=IDENTITY --env \"WORD={word}\" {image} /bin/sleep infinity\n\
             ExecStop=-/usr/bin/docker stop {container}\nExecStopPost=-/usr/bin/docker rm -f {container}\nRestart=always\nRestartSec=1s\nSuccessExitStatus=137 143\n"
        );
        let unit = self.listed(Kind::Service, &format!("{container}.service"), &text);
        Listed {
            subject: Some(container),
            instance: Some(instance(name)),
            ..unit
        }
    }

    fn listed(&self, kind: Kind, name: &str, text: &str) -> Listed {
        let identity = Digest::of(text);
        let hex = identity.hex();
        let text = text.replace("IDENTITY", &hex);
        Listed {
            name: name.parse().unwrap(),
            kind,
            identity,
            subject: None,
            instance: None,
            text: format!(
                "{text}[X-Longshore]\nScope={}\nIdentity={hex}\n",
                self.scope
            ),
        }
    }
}

fn instance(service: &str) -> Instance {
    Instance {
        service: service.parse().unwrap(),
        number: 1,
    }
}

/// Makes an image out of the host's own `sleep`, once per host.
async fn image(connection: &Connection) -> ImageIdentity {
    let made = connection
        .run(
            script(
                "exec 9>/run/test-image; flock 9; id=$(docker image ls -q --no-trunc longshore-test-sleep); \
                 [ -n \"$id\" ] || id=$(tar -ch /bin/sh /bin/sleep $(ldd /bin/sh /bin/sleep | grep -o '/lib[^ :]*' | sort -u) 2>/dev/null | docker import - longshore-test-sleep); \
                 docker tag \"$id\" longshore.local/sleep:${id#sha256:}; echo $id",
            )
            .as_root(),
            &mut |_, _| {},
        )
        .await
        .unwrap();
    ImageIdentity {
        config: made.stdout.trim().parse().unwrap(),
        layers: Vec::new(),
    }
}
