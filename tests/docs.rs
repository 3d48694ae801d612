//! Keeps what the documentation says of the command line true. `LONGSHORE_UPDATE=1 cargo test --test docs` writes it anew.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic and read files"
)]

use std::fmt::Write;
use std::fs;

use clap::CommandFactory;
use longshore::cli::Cli;
use longshore::domain::cluster::{Judged, SUPPORT, Support};
use longshore::domain::definition::compose::RECORDS;

#[test]
fn the_command_line_reference_is_what_help_says() {
    let mut text = String::from(
        "# The command line\n\n\
         Generated from `longshore --help` by `LONGSHORE_UPDATE=1 cargo test --test docs`.\n\n\
         Standard output is the result, standard error is the telling. With `--format json` a query prints one object, and a\n\
         long command one event a line, the last of kind `finished`. What changes hosts asks on a terminal, and needs `--yes`\n\
         without one. No secret value is ever printed.\n\n\
         | exit code | meaning |\n|---|---|\n\
         | 0 | done |\n\
         | 1 | the work failed: a test is red, a rollout was rolled back |\n\
         | 2 | wrong use, or an invalid definition |\n\
         | 3 | refused: not green, plan outdated, lock held |\n\
         | 4 | a host, engine or registry could not be reached, and nothing was changed |\n\
         | 5 | a bug in longshore |\n\
         | 130 | interrupted: what ran here is cleaned up, hosts are left as the message says |\n",
    );
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&mut text, &mut command, "longshore");
    let path = "docs/cli.md";
    if std::env::var_os("LONGSHORE_UPDATE").is_some() {
        fs::write(path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written == text,
        "{path} is not what --help says: run LONGSHORE_UPDATE=1 cargo test --test docs"
    );
}

fn describe(text: &mut String, command: &mut clap::Command, path: &str) {
    write!(
        text,
        "\n## {path}\n\n```text\n{}\n```\n",
        trimmed(&command.render_help().to_string())
    )
    .unwrap();
    let names: Vec<_> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names {
        let sub = command.find_subcommand_mut(&name).unwrap();
        describe(text, sub, &format!("{path} {name}"));
    }
}

/// Drops the blanks at line ends that clap leaves.
fn trimmed(help: &str) -> String {
    help.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

#[test]
fn the_schema_is_what_the_types_say() {
    let schema = serde_json::to_string_pretty(&longshore::domain::definition::schema()).unwrap();
    let path = "docs/longshore.schema.json";
    if std::env::var_os("LONGSHORE_UPDATE").is_some() {
        fs::write(path, format!("{schema}\n")).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written.trim_end() == schema,
        "{path} is not what the types say: run LONGSHORE_UPDATE=1 cargo test --test docs"
    );
}

#[test]
fn the_reference_names_every_key_of_settings() {
    use longshore::domain::definition::settings;
    let text = fs::read_to_string("docs/definition.md").unwrap();
    let keys = [
        settings::Settings::KEYS,
        settings::TestEntry::KEYS,
        settings::EnvironmentEntry::KEYS,
        settings::PlaceEntry::KEYS,
        settings::RolloutEntry::KEYS,
        settings::ProbeEntry::KEYS,
    ];
    let missing: Vec<_> = keys
        .concat()
        .into_iter()
        .filter(|key| !text.contains(&format!("`{key}")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/definition.md says nothing of {missing:?}"
    );
}

#[test]
fn the_table_of_compose_keys_is_what_the_code_does() {
    let mut text = String::from(
        "# What becomes of each Compose key\n\n\
         Generated from the code by `LONGSHORE_UPDATE=1 cargo test --test docs`.\n\n\
         Every key of the Compose Specification is read, checked and told by `longshore config`. What it does depends on\n\
         what runs the service: a test (for `build`, the building of the image), or a host by one of the drivers.\n\n\
         - **yes**: it has the effect that it is written for.\n\
         - **–**: it has none there, and is not meant to have any.\n\
         - **warning**: it has none, which does no harm; a warning says so.\n\
         - **error**: without it something else would run than what is written, so an error says what to do. `check` tells it\n\
           for services that tests run or that an environment places; `config` and `graph` work all the same.\n\n\
         | key | read | in tests | systemd | |\n|---|---|---|---|---|\n",
    );
    for (trail, keys) in RECORDS {
        for key in *keys {
            row(&mut text, &format!("{trail}{key}"));
        }
    }
    let path = "docs/compose.md";
    if std::env::var_os("LONGSHORE_UPDATE").is_some() {
        fs::write(path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "{path} is not what the code does: run LONGSHORE_UPDATE=1 cargo test --test docs"
    );
}

/// Writes a key's row. One that is not judged by itself shares the fate of the key it stands under.
fn row(text: &mut String, key: &str) {
    let judged = judged(key);
    let word = |support| match support {
        Support::Honoured => ("yes", ""),
        Support::Quiet(why) => ("–", why),
        Support::Warned(why) => ("warning", why),
        Support::Refused(why) => ("error", why),
    };
    let line = match judged {
        Some(judged) => {
            let ((testing, one), (systemd, other)) = (word(judged.testing), word(judged.systemd));
            let why = match (one, other) {
                (one, other) if one == other => one.to_owned(),
                ("", other) => format!("on hosts: {other}"),
                (one, "") => format!("in tests: {one}"),
                (one, other) => format!("in tests: {one}; on hosts: {other}"),
            };
            format!("| `{key}` | yes | {testing} | {systemd} | {why} |")
        }
        None => format!("| `{key}` | yes | yes | yes | |"),
    };
    writeln!(text, "{line}").unwrap();
}

fn judged(key: &str) -> Option<&'static Judged> {
    let mut key = key.to_owned();
    for section in ["secrets", "configs", "models"] {
        if key == section || key.starts_with(&format!("{section}.")) {
            key = format!("services.*.{section}");
        }
    }
    loop {
        let found = SUPPORT.iter().find(|judged| judged.key == key);
        if found.is_some() {
            return found;
        }
        key.truncate(key.rfind(['.', '['])?);
    }
}

/// The keys that the Compose Specification names, in its order. Written from the specification, not from the code.
const SPECIFICATION: &str = "
name version include services networks volumes configs secrets models
include[]: path project_directory env_file
services.*: annotations attach build blkio_config cpu_count cpu_percent cpu_shares cpu_period cpu_quota cpu_rt_runtime
    cpu_rt_period cpus cpuset cap_add cap_drop cgroup cgroup_parent command configs container_name credential_spec
    depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment
    expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation labels label_file
    links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks
    oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_start pre_stop privileged profiles provider
    pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt shm_size stdin_open
    stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes
    volumes_from working_dir
services.*.blkio_config: device_read_bps device_write_bps device_read_iops device_write_iops weight weight_device
services.*.blkio_config.device_read_bps[]: path rate
services.*.blkio_config.weight_device[]: path weight
services.*.build: additional_contexts args cache_from cache_to context dockerfile dockerfile_inline entitlements extra_hosts
    isolation labels network no_cache no_cache_filter platforms privileged provenance pull sbom secrets shm_size ssh tags
    target ulimits
services.*.build.secrets[]: source target uid gid mode
services.*.configs[]: source target uid gid mode
services.*.credential_spec: config file registry
services.*.depends_on.*: condition restart required
services.*.deploy: endpoint_mode labels mode placement replicas resources restart_policy rollback_config update_config
services.*.deploy.placement: constraints preferences max_replicas_per_node
services.*.deploy.placement.preferences[]: spread
services.*.deploy.resources: limits reservations
services.*.deploy.resources.limits: cpus memory pids
services.*.deploy.resources.reservations: cpus memory devices generic_resources
services.*.deploy.resources.reservations.devices[]: capabilities count device_ids driver options
services.*.deploy.restart_policy: condition delay max_attempts window
services.*.deploy.rollback_config: parallelism delay failure_action monitor max_failure_ratio order
services.*.deploy.update_config: parallelism delay failure_action monitor max_failure_ratio order
services.*.develop: watch
services.*.develop.watch[]: action exec ignore include initial_sync path target
services.*.develop.watch[].exec: command user privileged working_dir environment
services.*.devices[]: source target permissions
services.*.env_file[]: path required format
services.*.extends: service file
services.*.gpus[]: capabilities count device_ids driver options
services.*.healthcheck: test interval timeout retries start_period start_interval disable
services.*.logging: driver options
services.*.models.*: endpoint_var model_var
services.*.networks.*: aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address
    priority
services.*.ports[]: target published host_ip protocol app_protocol mode name
services.*.post_start[]: command user privileged working_dir environment
services.*.pre_stop[]: command user privileged working_dir environment
services.*.provider: type options
services.*.secrets[]: source target uid gid mode
services.*.ulimits.*: soft hard
services.*.volumes[]: type source target read_only bind volume tmpfs image consistency
services.*.volumes[].bind: propagation create_host_path selinux recursive
services.*.volumes[].volume: nocopy subpath labels
services.*.volumes[].tmpfs: size mode
services.*.volumes[].image: subpath
networks.*: attachable driver driver_opts enable_ipv4 enable_ipv6 external internal ipam labels name
networks.*.ipam: driver config options
networks.*.ipam.config[]: subnet ip_range gateway aux_addresses
volumes.*: driver driver_opts external labels name
configs.*: file environment content external name labels template_driver
secrets.*: file environment external name labels driver driver_opts template_driver
models.*: model name context_size runtime_flags
";

#[test]
fn every_key_of_the_specification_is_in_the_table() {
    let table = fs::read_to_string("docs/compose.md").unwrap();
    let mut trail = String::new();
    let mut missing = Vec::new();
    for word in SPECIFICATION.split_whitespace() {
        if let Some(section) = word.strip_suffix(':') {
            trail = format!("{section}.");
        } else if !table.contains(&format!("| `{trail}{word}` |")) {
            missing.push(format!("{trail}{word}"));
        }
    }
    assert!(missing.is_empty(), "docs/compose.md lacks {missing:?}");
}
