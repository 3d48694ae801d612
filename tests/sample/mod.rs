//! A release to render, place and plan: a guestbook in the shape of the example, and what it can be changed to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use longshore::domain::cluster::{
    Cluster, Condition, Dependency, Driver, Environment, Healthcheck, HealthcheckCommand, Host,
    Mount, MountSource, Network, Options, Place, Placement, Port, Protocol, Restart, RolloutPolicy,
    Service, Source, Volume,
};
use longshore::domain::inventory::{Inventory, UnitState};
use longshore::domain::ledger::{Asset, ImageIdentity, Provenance, Release};
use longshore::domain::name::{Digest, EnvironmentName, HostName, ServiceName};
use longshore::domain::plan::placement::placement;
use longshore::domain::unit::{Instance, Kind, Listed, RenderInput, Tree, render};

/// A service that runs an image and nothing else.
pub fn service() -> Service {
    Service {
        source: Source::Image("debian:trixie".to_owned()),
        command: None,
        entrypoint: None,
        environment: BTreeMap::new(),
        ports: Vec::new(),
        expose: BTreeSet::new(),
        mounts: Vec::new(),
        files: Vec::new(),
        networks: BTreeMap::new(),
        links: Vec::new(),
        depends_on: BTreeMap::new(),
        healthcheck: None,
        restart: Restart::No,
        profiles: BTreeSet::new(),
        labels: BTreeMap::new(),
        user: None,
        working_dir: None,
        stop_grace_period: None,
        options: Options::default(),
        one_shot: false,
        test_only: false,
    }
}

/// Makes a service wait for others.
pub fn after(mut service: Service, dependencies: &[(&str, Condition)]) -> Service {
    for (name, condition) in dependencies {
        let dependency = Dependency {
            condition: *condition,
            restart: false,
            required: true,
        };
        service.depends_on.insert(name.parse().unwrap(), dependency);
    }
    service
}

/// A TCP port published under its own number.
pub fn port(number: u16) -> Port {
    Port {
        address: None,
        published: Some(number),
        target: number,
        protocol: Protocol::Tcp,
    }
}

/// The identity of an image of that content.
pub fn image(content: &str) -> ImageIdentity {
    ImageIdentity {
        config: Digest::of(content),
        layers: vec![Digest::of(format!("{content} layer"))],
    }
}

/// The environment that samples have.
pub fn staging() -> EnvironmentName {
    "staging".parse().unwrap()
}

/// A host's name.
pub fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

/// A release of these services on these hosts, with an image for each service.
pub fn release(services: &[(&str, Service)], hosts: &[&str]) -> Release {
    let services: BTreeMap<ServiceName, Service> = services
        .iter()
        .map(|(name, service)| (name.parse().unwrap(), service.clone()))
        .collect();
    let hosts = hosts.iter().map(|name| Host {
        ssh: name.parse().unwrap(),
        groups: BTreeSet::new(),
    });
    let environment = Environment {
        driver: Driver::Systemd,
        from: None,
        require_tests: false,
        profiles: BTreeSet::new(),
        hosts: hosts.collect(),
        place: BTreeMap::new(),
        variables: BTreeMap::new(),
        rollout: RolloutPolicy::default(),
        probes: BTreeMap::new(),
        services: services.clone(),
    };
    let images = services
        .keys()
        .map(|name| (name.clone(), image(name.as_str())));
    let mut release = Release {
        id: "000000000000".parse().unwrap(),
        images: images.collect(),
        cluster: Cluster {
            name: "shop".parse().unwrap(),
            services,
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            tests: BTreeMap::new(),
            release: Vec::new(),
            environments: BTreeMap::from([(staging(), environment)]),
        },
        assets: BTreeMap::new(),
        vouchers: BTreeMap::new(),
        provenance: Provenance {
            commit: "4f1c2d3".to_owned(),
            dirty: false,
            actor: "ann".to_owned(),
        },
        skipped: std::collections::BTreeSet::new(),
    };
    release.id = release.content_id();
    release
}

/// The environment of a sample, to change it.
pub fn environment(release: &mut Release) -> &mut Environment {
    release.cluster.environments.get_mut(&staging()).unwrap()
}

/// A service of a sample, to change it.
pub fn service_of<'r>(release: &'r mut Release, name: &str) -> &'r mut Service {
    let services = &mut environment(release).services;
    services
        .get_mut(&name.parse::<ServiceName>().unwrap())
        .unwrap()
}

/// Gives a service a number of instances, or one per host.
pub fn place(release: &mut Release, name: &str, placement: Placement) {
    let name = name.parse().unwrap();
    let place = &mut environment(release).place;
    place.insert(name, Place::anywhere(placement));
}

/// Has a service go where another one is.
pub fn beside(release: &mut Release, name: &str, leader: &str) {
    let (name, leader) = (name.parse().unwrap(), leader.parse().unwrap());
    let place = &mut environment(release).place;
    let placement = place
        .get(&leader)
        .map_or(Placement::Count(1), |place| place.placement);
    let here: &mut Place = place.entry(name).or_insert(Place::anywhere(placement));
    here.same_host_as = Some(leader);
}

/// Has a service run on one host, in a group of its own.
pub fn on(release: &mut Release, name: &str, host: &str) {
    let environment = environment(release);
    let named = environment.hosts.iter_mut();
    for host in named.filter(|other| other.name().as_str() == host) {
        host.groups.insert(name.to_owned());
    }
    let anywhere = Place::anywhere(Placement::Count(1));
    let here = environment
        .place
        .entry(name.parse().unwrap())
        .or_insert(anywhere);
    here.on = Some(name.to_owned());
}

/// Keeps a service off the hosts of another one.
pub fn apart(release: &mut Release, name: &str, other: &str) {
    let place = &mut environment(release).place;
    let anywhere = Place::anywhere(Placement::Count(1));
    let here = place.entry(name.parse().unwrap()).or_insert(anywhere);
    here.conflicts.insert(other.parse().unwrap());
}

/// A web front with an API, a database with its volume, a cache, and a migration.
pub fn guestbook() -> Release {
    let (frontend, database, cache) = (web(), database(), cache());
    let migrate = after(service(), &[("db", Condition::Healthy)]);
    let migrate = Service {
        command: Some(vec!["migrate".to_owned()]),
        restart: Restart::OnFailure { retries: Some(2) },
        one_shot: true,
        ..migrate
    };
    let services = [
        ("cache", cache),
        ("db", database),
        ("migrate", migrate),
        ("web", frontend),
    ];
    let mut release = release(&services, &["core@lab-1", "core@lab-2"]);
    let volume = Volume::default();
    release
        .cluster
        .volumes
        .insert("data".parse().unwrap(), volume);
    let networks = &mut release.cluster.networks;
    networks.insert("default".parse().unwrap(), Network::default());
    let internal = Network {
        internal: true,
        labels: BTreeMap::from([("purpose".to_owned(), "data only".to_owned())]),
        ..Network::default()
    };
    networks.insert("back".parse().unwrap(), internal);
    let asset = Asset {
        digest: Digest::of("server {}"),
        mode: 0o644,
    };
    release
        .assets
        .insert(PathBuf::from("web/nginx.conf"), asset);
    release.id = release.content_id();
    release
}

fn web() -> Service {
    let conditions = [
        ("cache", Condition::Started),
        ("db", Condition::Healthy),
        ("migrate", Condition::Completed),
    ];
    let web = after(service(), &conditions);
    let config = Mount {
        source: MountSource::Repository(PathBuf::from("web/nginx.conf")),
        target: "/etc/nginx.conf".to_owned(),
        read_only: true,
    };
    Service {
        environment: BTreeMap::from([
            ("GREETING".to_owned(), "100% \"fine\",\n$HOME".to_owned()),
            ("LOG_LEVEL".to_owned(), "info".to_owned()),
        ]),
        ports: vec![port(8080)],
        mounts: vec![config],
        networks: BTreeMap::from([
            ("back".parse().unwrap(), BTreeSet::new()),
            (
                "default".parse().unwrap(),
                BTreeSet::from(["www".parse().unwrap()]),
            ),
        ]),
        restart: Restart::UnlessStopped,
        user: Some("1000:1000".to_owned()),
        working_dir: Some("/srv".to_owned()),
        stop_grace_period: Some(Duration::from_secs(3)),
        options: Options::default(),
        ..web
    }
}

fn database() -> Service {
    let data = Mount {
        source: MountSource::Volume("data".parse().unwrap()),
        target: "/var/lib/postgresql".to_owned(),
        read_only: false,
    };
    let ready = ["pg_isready", "-U", "shop keeper"].map(str::to_owned);
    Service {
        environment: BTreeMap::from([("POSTGRES_USER".to_owned(), "shop keeper".to_owned())]),
        mounts: vec![data],
        networks: BTreeMap::from([("back".parse().unwrap(), BTreeSet::new())]),
        healthcheck: Some(Healthcheck::Check {
            command: Some(HealthcheckCommand::Exec(ready.to_vec())),
            interval: Some(Duration::from_secs(2)),
            timeout: Some(Duration::from_secs(2)),
            start_period: Some(Duration::from_secs(5)),
            retries: Some(10),
        }),
        restart: Restart::Always,
        ..service()
    }
}

fn cache() -> Service {
    Service {
        command: Some(["redis-server", "--save", ""].map(str::to_owned).to_vec()),
        networks: BTreeMap::from([("back".parse().unwrap(), BTreeSet::new())]),
        labels: BTreeMap::from([("role".to_owned(), "cache; volatile".to_owned())]),
        restart: Restart::OnFailure { retries: None },
        ..service()
    }
}

/// The trees of a release's hosts, placed as the planner does.
pub fn trees(release: &Release) -> BTreeMap<HostName, Tree> {
    let environment = &release.cluster.environments[&staging()];
    let placed = placement(&staging(), environment).unwrap();
    let tree = |(host, instances): (&HostName, &BTreeSet<Instance>)| {
        let input = RenderInput {
            release,
            environment: &staging(),
            host,
            instances,
            origin: "https://git.example/shop.git",
        };
        (host.clone(), render(&input).unwrap())
    };
    placed.iter().map(tree).collect()
}

/// What a host runs that was made equal to a tree, after it ran `before`.
pub fn applied(tree: &Tree, before: &Inventory) -> Inventory {
    let manifest = tree.manifest();
    let manifest = manifest.lines().filter_map(|line| line.split_once(' '));
    let state = |unit: &Listed| UnitState {
        load: "loaded".to_owned(),
        active: match unit.kind {
            Kind::OneShot | Kind::Boot => "inactive",
            Kind::Network | Kind::Volume | Kind::Service | Kind::Target => "active",
        }
        .to_owned(),
        running: match unit.kind {
            Kind::Network | Kind::Volume | Kind::Service => Some(unit.identity),
            Kind::OneShot | Kind::Target | Kind::Boot => None,
        },
        intact: true,
        ..UnitState::default()
    };
    let mut kept = before.kept.clone();
    if !kept.contains(&tree.id()) {
        kept.insert(0, tree.id());
    }
    Inventory {
        current: Some(tree.id()),
        previous: before.current.clone(),
        pending: None,
        kept,
        manifest: manifest
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        units: tree
            .units
            .iter()
            .map(|unit| (unit.name.clone(), state(unit)))
            .collect(),
        images: tree
            .images
            .values()
            .map(|image| image.config)
            .chain(before.images.clone())
            .collect(),
        assets: tree.assets.keys().chain(&before.assets).copied().collect(),
        ..before.clone()
    }
}
