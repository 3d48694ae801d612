//! A cluster written as a definition again: what `longshore config` prints, and what reads back as the same cluster.
//!
//! Everything is in its long form and nothing is left to defaults. What Compose has no word for stands under
//! `x-longshore`, in the form that `longshore.yaml` has.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Build, Cluster, Condition, Environment, Healthcheck, HealthcheckCommand, Mount, MountSource,
    Placement, Port, Probe, Restart, Service, Source,
};

impl Cluster {
    /// Writes it in Compose's form. Paths are told as the folder `from` sees them, itself a path from the root.
    #[must_use]
    pub fn written(&self, from: &Path) -> Value {
        let Self {
            name,
            services,
            networks,
            volumes,
            tests,
            environments,
        } = self;
        let services = services
            .iter()
            .map(|(name, service)| (name.to_string(), written(service, from)));
        let networks = networks.iter().map(|(name, network)| {
            let fields = [
                ("internal", json!(network.internal)),
                ("labels", json!(network.labels)),
            ];
            (name.to_string(), object(fields))
        });
        let volumes = volumes
            .iter()
            .map(|(name, volume)| (name.to_string(), object([("labels", json!(volume.labels))])));
        let tests = tests.iter().map(|(name, test)| {
            let fields = [
                ("service", json!(test.service)),
                ("command", json!(test.command)),
                ("timeout", json!(period(test.timeout))),
            ];
            (name.to_string(), object(fields))
        });
        let environments = environments
            .iter()
            .map(|(name, environment)| (name.to_string(), target(environment)));
        let own = [
            ("tests", Value::Object(tests.collect())),
            ("environments", Value::Object(environments.collect())),
        ];
        object([
            ("name", json!(name)),
            ("services", Value::Object(services.collect())),
            ("networks", Value::Object(networks.collect())),
            ("volumes", Value::Object(volumes.collect())),
            ("x-longshore", object(own)),
        ])
    }
}

/// Doubles every `$` of a value, so that reading it again fills nothing in.
#[must_use]
pub fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(items) => Value::Array(items.into_iter().map(escaped).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (key, escaped(value)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Makes an object of the fields that say something. Only what was not said reads back as not said, so an empty list
/// stays where it means something: in `command` and `entrypoint`.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let says = |key: &str, value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty() || ["command", "entrypoint"].contains(&key),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => true,
    };
    let said = fields.into_iter().filter(|(key, value)| says(key, value));
    Value::Object(said.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn written(service: &Service, from: &Path) -> Value {
    // Each field has to be taken into account: one that is added fails to compile here.
    let Service {
        source,
        command,
        entrypoint,
        environment,
        ports,
        expose,
        mounts,
        networks,
        links,
        depends_on,
        healthcheck,
        restart,
        profiles,
        labels,
        user,
        working_dir,
        stop_grace_period,
        one_shot: _,
        test_only: _,
    } = service;
    let (build, image) = match source {
        Source::Build(build) => (built(build, from), json!(build.tag)),
        Source::Image(image) => (Value::Null, json!(image)),
    };
    let expose: Vec<_> = expose
        .iter()
        .map(|(port, protocol)| format!("{port}/{protocol}"))
        .collect();
    let links: Vec<_> = links
        .iter()
        .map(|link| format!("{}:{}", link.service, link.alias))
        .collect();
    let networks: Map<_, _> = networks
        .iter()
        .map(|(name, aliases)| (name.to_string(), object([("aliases", json!(aliases))])))
        .collect();
    let depends_on: Map<_, _> = depends_on
        .iter()
        .map(|(name, dependency)| {
            let fields = json!({
                "condition": condition(dependency.condition),
                "restart": dependency.restart,
                "required": dependency.required,
            });
            (name.to_string(), fields)
        })
        .collect();
    object([
        ("build", build),
        ("image", image),
        ("command", json!(command)),
        ("entrypoint", json!(entrypoint)),
        ("environment", json!(environment)),
        ("ports", ports.iter().map(port).collect()),
        ("expose", json!(expose)),
        (
            "volumes",
            mounts.iter().map(|own| mount(own, from)).collect(),
        ),
        ("networks", Value::Object(networks)),
        ("links", json!(links)),
        ("depends_on", Value::Object(depends_on)),
        (
            "healthcheck",
            healthcheck.as_ref().map_or(Value::Null, health),
        ),
        ("restart", restarted(*restart)),
        ("profiles", json!(profiles)),
        ("labels", json!(labels)),
        ("user", json!(user)),
        ("working_dir", json!(working_dir)),
        ("stop_grace_period", json!(stop_grace_period.map(period))),
    ])
}

fn built(build: &Build, from: &Path) -> Value {
    let Build {
        context,
        dockerfile,
        args,
        target,
        tag: _,
        bases: _,
    } = build;
    object([
        ("context", json!(seen(context, from))),
        ("dockerfile", json!(relative(dockerfile, context))),
        ("args", json!(args)),
        ("target", json!(target)),
    ])
}

fn port(port: &Port) -> Value {
    let Port {
        address,
        published,
        target,
        protocol,
    } = port;
    object([
        ("target", json!(target)),
        ("published", json!(published.map(|port| port.to_string()))),
        ("protocol", json!(protocol.to_string())),
        ("host_ip", json!(address.map(|address| address.to_string()))),
    ])
}

fn mount(mount: &Mount, from: &Path) -> Value {
    let Mount {
        source,
        target,
        read_only,
    } = mount;
    let (kind, source) = match source {
        MountSource::Volume(name) => ("volume", json!(name)),
        MountSource::Anonymous => ("volume", Value::Null),
        MountSource::Repository(path) => ("bind", json!(seen(path, from))),
        MountSource::HostPath(path) => ("bind", json!(path)),
    };
    object([
        ("type", json!(kind)),
        ("source", source),
        ("target", json!(target)),
        ("read_only", json!(read_only)),
    ])
}

fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "service_started",
        Condition::Healthy => "service_healthy",
        Condition::Completed => "service_completed_successfully",
    }
}

fn health(check: &Healthcheck) -> Value {
    match check {
        Healthcheck::Disabled => json!({"disable": true}),
        Healthcheck::Check {
            command,
            interval,
            timeout,
            start_period,
            retries,
        } => {
            let test = command.as_ref().map(|command| match command {
                HealthcheckCommand::Exec(words) => {
                    let words = words.iter().map(String::as_str);
                    std::iter::once("CMD").chain(words).collect::<Vec<_>>()
                }
                HealthcheckCommand::Shell(text) => vec!["CMD-SHELL", text],
            });
            object([
                ("test", json!(test)),
                ("interval", json!(interval.map(period))),
                ("timeout", json!(timeout.map(period))),
                ("start_period", json!(start_period.map(period))),
                ("retries", json!(retries)),
            ])
        }
    }
}

fn restarted(restart: Restart) -> Value {
    match restart {
        Restart::No => Value::Null,
        Restart::Always => json!("always"),
        Restart::UnlessStopped => json!("unless-stopped"),
        Restart::OnFailure { retries: None } => json!("on-failure"),
        Restart::OnFailure {
            retries: Some(times),
        } => json!(format!("on-failure:{times}")),
    }
}

fn target(environment: &Environment) -> Value {
    let Environment {
        driver,
        hosts,
        place,
        variables,
        rollout,
        probes,
        services: _,
    } = environment;
    let place: Map<_, _> = place
        .iter()
        .map(|(name, place)| {
            let place = match place.placement {
                Placement::Global => json!({"mode": "global"}),
                Placement::Count(count) => json!({"count": count}),
            };
            (name.to_string(), place)
        })
        .collect();
    let probes: Map<_, _> = probes
        .iter()
        .map(|(name, probe)| {
            let probe = match probe {
                Probe::Http { port, path } => json!({"http": path, "port": port}),
                Probe::Tcp { port } => json!({"tcp": port}),
                Probe::Exec { command } => json!({"exec": command}),
            };
            (name.to_string(), probe)
        })
        .collect();
    let rollout = json!({
        "max_in_flight": rollout.max_in_flight,
        "healthy_after": period(rollout.healthy_after),
        "within": period(rollout.within),
        "max_failures": rollout.max_failures,
        "guard": period(rollout.guard),
    });
    let hosts: Vec<_> = hosts.iter().map(|host| host.ssh.to_string()).collect();
    object([
        ("driver", json!(driver.to_string())),
        ("hosts", json!(hosts)),
        ("place", Value::Object(place)),
        ("variables", json!(variables)),
        ("rollout", rollout),
        ("probes", Value::Object(probes)),
    ])
}

fn period(period: Duration) -> String {
    match (period.subsec_nanos(), period.subsec_nanos() % 1_000_000) {
        (0, _) => format!("{}s", period.as_secs()),
        (_, 0) => format!("{}ms", period.as_millis()),
        _ => format!("{}us", period.as_micros()),
    }
}

/// Returns a path of the repository as a folder of it sees it, so that it reads as a path: with a `.` before it.
fn seen(path: &Path, from: &Path) -> String {
    let relative = relative(path, from);
    match relative.as_str() {
        "" => ".".to_owned(),
        up if up.starts_with("..") => relative,
        _ => format!("./{relative}"),
    }
}

fn relative(path: &Path, from: &Path) -> String {
    let common = path
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(common).map(|_| "..".to_owned());
    let down = path
        .components()
        .skip(common)
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_a_folder() {
        for (path, from, expected) in [
            ("a/b", "", "./a/b"),
            ("a/b", "a", "./b"),
            ("a/b", "a/b/c", ".."),
            ("a/b", "x/y", "../../a/b"),
            ("", "", "."),
        ] {
            assert_eq!(
                seen(Path::new(path), Path::new(from)),
                expected,
                "{path} {from}"
            );
        }
    }

    #[test]
    fn periods_read_back() {
        for (milliseconds, expected) in [(90_000, "90s"), (1500, "1500ms"), (0, "0s")] {
            assert_eq!(period(Duration::from_millis(milliseconds)), expected);
        }
        assert_eq!(period(Duration::from_nanos(1500)), "1us");
    }

    #[test]
    fn dollars_are_doubled_in_values_only() {
        assert_eq!(escaped(json!({"$a": ["$b", 1]})), json!({"$a": ["$$b", 1]}));
    }
}
