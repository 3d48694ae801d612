//! What Compose has no word for, written out: what `longshore config` adds to the project under `x-longshore`, in the
//! form that `longshore.yaml` has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Cluster, Environment, Host, Limits, Placement, Probe, Reports, Service, Step};
use crate::domain::definition::period_written;

impl Cluster {
    /// Writes tests and environments; nothing if there are none. Nothing is left to defaults.
    #[must_use]
    pub fn written(&self) -> Option<Value> {
        let Self {
            name: _,
            services,
            networks: _,
            volumes: _,
            tests,
            release,
            environments,
        } = self;
        let tests = tests.iter().map(|(name, test)| {
            let Reports { junit, coverage } = &test.reports;
            let reports = object([("junit", json!(junit)), ("coverage", json!(coverage))]);
            let fields = [
                ("service", json!(test.service())),
                ("command", json!(test.command)),
                ("timeout", json!(period_written(test.timeout))),
                ("limits", limits(test.limits)),
                ("internal", json!(test.internal)),
                ("start_timeout", json!(period_written(test.start_timeout))),
                (
                    "retries",
                    json!(Some(test.retries).filter(|retries| *retries > 0)),
                ),
                ("reports", reports),
                ("artifacts", json!(test.artifacts)),
                ("needs", json!(test.needs)),
                ("fail_fast", json!(test.fail_fast)),
            ];
            (name.to_string(), object(fields))
        });
        let environments = environments
            .iter()
            .map(|(name, environment)| (name.to_string(), target(environment)));
        let release = release.iter().map(|Step { name, run }| {
            object([
                ("name", json!(name)),
                ("service", json!(run.service())),
                ("command", json!(run.command)),
                ("timeout", json!(period_written(run.timeout))),
            ])
        });
        // Those of the base are written as Compose has them; nothing else has a word for these.
        let cells = services.iter().filter(|(name, _)| !name.cell().is_empty());
        let cells = cells.map(|(name, service)| (name.to_string(), cell(service)));
        let own = object([
            ("cells", Value::Object(cells.collect())),
            ("tests", Value::Object(tests.collect())),
            ("release", release.collect()),
            ("environments", Value::Object(environments.collect())),
        ]);
        own.as_object()
            .is_some_and(|own| !own.is_empty())
            .then_some(own)
    }
}

fn limits(limits: Limits) -> Value {
    let Limits {
        nano_cpus,
        memory,
        pids,
    } = limits;
    #[expect(clippy::cast_precision_loss, reason = "no machine has as many")]
    let cpus = nano_cpus.map(|nano| nano as f64 / 1e9);
    object([
        ("cpus", json!(cpus)),
        ("memory", json!(memory)),
        ("pids", json!(pids)),
    ])
}

/// Writes what usually differs in a cell.
fn cell(service: &Service) -> Value {
    object([
        ("source", json!(service.source)),
        ("command", json!(service.command)),
        ("entrypoint", json!(service.entrypoint)),
        ("environment", json!(service.environment)),
        (
            "depends_on",
            service.depends_on.keys().map(|need| json!(need)).collect(),
        ),
    ])
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

fn target(environment: &Environment) -> Value {
    let Environment {
        driver,
        from,
        require_tests,
        hosts,
        profiles,
        place,
        variables,
        rollout,
        probes,
        services: _,
    } = environment;
    let place: Map<_, _> = place
        .iter()
        .map(|(name, place)| {
            let mut fields = match place.placement {
                Placement::Global => json!({"mode": "global"}),
                Placement::Count(count) => json!({"count": count}),
            };
            if let Some(on) = &place.on {
                fields["on"] = json!(on);
            }
            if let Some(leader) = &place.same_host_as {
                fields = json!({"same_host_as": leader});
            }
            if !place.conflicts.is_empty() {
                fields["conflicts"] = json!(place.conflicts);
            }
            let place = fields;
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
        "healthy_after": period_written(rollout.healthy_after),
        "within": period_written(rollout.within),
        "max_failures": rollout.max_failures,
        "guard": period_written(rollout.guard),
    });
    let hosts = match grouped(hosts) {
        Some(groups) => json!(groups),
        None => hosts.iter().map(|host| host.ssh.to_string()).collect(),
    };
    object([
        ("driver", json!(driver.to_string())),
        ("from", json!(from)),
        ("require_tests", json!(require_tests)),
        ("profiles", json!(profiles)),
        ("hosts", json!(hosts)),
        ("place", Value::Object(place)),
        ("variables", json!(variables)),
        ("rollout", rollout),
        ("probes", Value::Object(probes)),
    ])
}

/// Returns hosts by their groups, if they are in any.
fn grouped(hosts: &[Host]) -> Option<BTreeMap<&str, Vec<String>>> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for host in hosts {
        for group in &host.groups {
            groups.entry(group).or_default().push(host.ssh.to_string());
        }
    }
    (!groups.is_empty()).then_some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_doubled_in_values_only() {
        assert_eq!(escaped(json!({"$a": ["$b", 1]})), json!({"$a": ["$$b", 1]}));
    }
}
