//! A project in its normal form: every value in its long form, defaults filled in, what nothing uses left out.
//!
//! It says what `docker compose config` says. The few differences are listed in `docs/definition.md`.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::compose::{File, Service};
use super::loader::{Definition, Reading};
use super::place::Spanned;
use super::reader::Mapping;
use super::write::Write;

impl Definition {
    /// Returns what environments lay over services, as it is written.
    pub fn overlays(&self) -> impl Iterator<Item = (&str, Json)> {
        let settings = self.settings.as_ref();
        let environments = settings.and_then(|settings| settings.environments.as_ref());
        let environments = environments.into_iter().flat_map(|all| &all.value.0);
        environments.filter_map(|(name, environment)| {
            let overlay = environment.value.services.as_ref()?;
            Some((name.as_str(), overlay.write()?))
        })
    }

    /// Writes the project of this name in its normal form.
    #[must_use]
    pub fn normal(&self, name: &str) -> Json {
        let reading = &self.base;
        let file = &reading.compose;
        let mut project = object(file.write());
        project.insert("name".to_owned(), json!(name));
        for (name, service) in services(file) {
            let written = json!({});
            let slot = field(&mut project, "services")
                .entry(name)
                .or_insert(written);
            if slot.is_null() {
                *slot = json!({});
            }
            if let Json::Object(fields) = slot {
                self.service(reading, service, fields);
            }
        }
        extensions(reading, &mut project);
        let used = Used::by(file);
        for (section, used) in [
            ("networks", &used.networks),
            ("volumes", &used.volumes),
            ("secrets", &used.secrets),
            ("configs", &used.configs),
        ] {
            declared(&mut project, section, used, name);
        }
        old_names(file, &mut project);
        Json::Object(project)
    }

    fn service(&self, reading: &Reading, service: &Service, fields: &mut Map<String, Json>) {
        let environment = self.environment(reading, service, &mut Vec::new());
        let labels = self.labels(service, &mut Vec::new());
        set(fields, "environment", json!(environment));
        set(fields, "labels", json!(labels));
        if service.build.is_some() {
            let build = field(fields, "build");
            build.entry("context").or_insert_with(|| json!("."));
            if !build.contains_key("dockerfile_inline") {
                build
                    .entry("dockerfile")
                    .or_insert_with(|| json!("Dockerfile"));
            }
            if let Some(Json::Object(args)) = build.get_mut("args") {
                for (name, value) in args.iter_mut().filter(|(_, value)| value.is_null()) {
                    *value = json!(reading.variables.get(name));
                }
                args.retain(|_, value| !value.is_null());
                if args.is_empty() {
                    build.remove("args");
                }
            }
        }
        if service.network_mode.is_none() {
            let networks = fields.entry("networks").or_insert_with(|| json!({}));
            if networks.as_object().is_some_and(Map::is_empty) {
                *networks = json!({"default": null});
            }
        }
        for secret in fields
            .get_mut("secrets")
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Json::Object(secret) = secret
                && let Some(source) = secret.get("source").and_then(Json::as_str)
            {
                let target = format!("/run/secrets/{source}");
                secret.entry("target").or_insert_with(|| json!(target));
            }
        }
        waits(service, fields);
        cards(fields);
        if fields
            .get("pull_policy")
            .is_some_and(|policy| policy == "if_not_present")
        {
            fields.insert("pull_policy".to_owned(), json!("missing"));
        }
    }
}

fn services(file: &File) -> impl Iterator<Item = (&String, &Service)> {
    let services = file.services.iter().flat_map(|services| &services.value.0);
    services.map(|(name, service)| (name, &service.value))
}

fn object(json: Option<Json>) -> Map<String, Json> {
    match json {
        Some(Json::Object(fields)) => fields,
        Some(_) | None => Map::new(),
    }
}

/// Returns the object under a key, made if it is not there.
fn field<'m>(fields: &'m mut Map<String, Json>, key: &str) -> &'m mut Map<String, Json> {
    let slot = fields.entry(key).or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    slot.as_object_mut().expect("it was just made an object")
}

/// Puts a value under a key, or takes the key out if the value says nothing.
fn set(fields: &mut Map<String, Json>, key: &str, value: Json) {
    if value.as_object().is_some_and(Map::is_empty) {
        fields.remove(key);
    } else {
        fields.insert(key.to_owned(), value);
    }
}

/// Adds the services that one waits for without saying so: those that it links to or shares something with.
fn waits(service: &Service, fields: &mut Map<String, Json>) {
    let links = service.links.iter().flat_map(|links| &links.value.0);
    let links = links.map(|link| (link.value.service.as_str(), true));
    let shared = service.shared().map(|(name, _, restart)| (name, restart));
    for (name, restart) in links.chain(shared) {
        let mut wait = json!({"condition": "service_started", "required": true});
        if restart {
            wait["restart"] = json!(true);
        }
        field(fields, "depends_on").entry(name).or_insert(wait);
    }
}

/// Asks for all devices where neither a number nor names are said.
fn cards(fields: &mut Map<String, Json>) {
    let reserved = fields
        .get_mut("deploy")
        .and_then(|deploy| deploy.pointer_mut("/resources/reservations/devices"));
    let reserved = reserved.and_then(Json::as_array_mut).into_iter().flatten();
    for request in reserved {
        count(request);
    }
    for request in fields
        .get_mut("gpus")
        .and_then(Json::as_array_mut)
        .into_iter()
        .flatten()
    {
        count(request);
    }
}

fn count(request: &mut Json) {
    if let Json::Object(request) = request
        && !request.contains_key("device_ids")
    {
        request.entry("count").or_insert_with(|| json!(-1));
    }
}

/// What services name.
#[derive(Default)]
struct Used<'a> {
    networks: BTreeSet<&'a str>,
    volumes: BTreeSet<&'a str>,
    secrets: BTreeSet<&'a str>,
    configs: BTreeSet<&'a str>,
}

impl<'a> Used<'a> {
    fn by(file: &'a File) -> Self {
        let mut used = Self::default();
        for (_, service) in services(file) {
            let joined = service
                .networks
                .iter()
                .flat_map(|networks| &networks.value.0.0);
            let before = used.networks.len();
            used.networks.extend(joined.map(|(name, _)| name.as_str()));
            let none = service
                .networks
                .as_ref()
                .is_none_or(|all| all.value.0.0.is_empty());
            if before == used.networks.len() && none && service.network_mode.is_none() {
                used.networks.insert("default");
            }
            let mounts = service.volumes.iter().flat_map(|mounts| &mounts.value.0);
            let mounts =
                mounts.filter(|mount| mount.value.kind == super::compose::MountKind::Volume);
            used.volumes
                .extend(mounts.filter_map(|mount| mount.value.source.as_deref()));
            let build = service
                .build
                .as_ref()
                .and_then(|build| build.value.secrets.as_ref());
            let secrets = [service.secrets.as_ref(), build].into_iter().flatten();
            let secrets = secrets.flat_map(|grants| &grants.value.0);
            let name = |source: &'a Option<Spanned<String>>| Some(source.as_ref()?.value.as_str());
            used.secrets
                .extend(secrets.filter_map(|grant| name(&grant.value.source)));
            let configs = service.configs.iter().flat_map(|grants| &grants.value.0);
            used.configs
                .extend(configs.filter_map(|grant| name(&grant.value.source)));
        }
        used
    }
}

/// Leaves out what nothing uses, and names the rest.
fn declared(project: &mut Map<String, Json>, section: &str, used: &BTreeSet<&str>, name: &str) {
    if used.contains("default") && section == "networks" {
        field(project, section)
            .entry("default")
            .or_insert(Json::Null);
    }
    let Some(Json::Object(entries)) = project.get_mut(section) else {
        return;
    };
    entries.retain(|name, _| used.contains(name.as_str()));
    for (key, entry) in entries.iter_mut() {
        if entry.is_null() {
            *entry = json!({});
        }
        if let Json::Object(entry) = entry {
            let external = entry.get("external") == Some(&json!(true));
            let own = if external {
                key.clone()
            } else {
                format!("{name}_{key}")
            };
            entry.entry("name").or_insert_with(|| json!(own));
        }
    }
    if entries.is_empty() {
        project.remove(section);
    }
}

/// Takes over the names that are said the old way (`external: {name: …}`).
fn old_names(file: &File, project: &mut Map<String, Json>) {
    let File {
        networks,
        volumes,
        secrets,
        configs,
        ..
    } = file;
    fn old<T>(
        written: &Option<Spanned<Mapping<T>>>,
        name: impl Fn(&T) -> Option<&Spanned<super::compose::External>>,
    ) -> Vec<(&String, &String)> {
        let entries = written.iter().flat_map(|entries| &entries.value.0);
        entries
            .filter_map(|(key, entry)| Some((key, &name(&entry.value)?.value.name.as_ref()?.value)))
            .collect()
    }
    for (section, names) in [
        (
            "networks",
            old(networks, |network| network.external.as_ref()),
        ),
        ("volumes", old(volumes, |volume| volume.external.as_ref())),
        ("secrets", old(secrets, |secret| secret.external.as_ref())),
        ("configs", old(configs, |config| config.external.as_ref())),
    ] {
        for (key, name) in names {
            if let Some(entry) = project.get_mut(section).and_then(|all| all.get_mut(key)) {
                entry["name"] = json!(name);
            }
        }
    }
}

/// Puts what nothing reads back to where it stood.
fn extensions(reading: &Reading, project: &mut Map<String, Json>) {
    for extension in &reading.extensions {
        let Some((last, way)) = extension.trail.split_last() else {
            continue;
        };
        let mut place = Some(&mut *project);
        for key in way {
            place = place.and_then(|fields| match fields.get_mut(key) {
                Some(Json::Object(fields)) => Some(fields),
                Some(_) | None => None,
            });
        }
        if let Some(fields) = place {
            fields.insert(last.clone(), extension.value.clone());
        }
    }
}
