//! `longshore lab`

use clap::{Args, Subcommand, value_parser};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::domain::failure::Kind;
use crate::domain::name::HostName;
use crate::pipeline::lab::{self, LabHost};
use crate::system::lab::{Lab, LabName, MOST_HOSTS, login};

/// Arguments of `longshore lab`.
#[derive(Debug, Args)]
#[command(
    after_help = "Hosts are lab-1, lab-2 … and are named so in a definition: `hosts: [core@lab-1]`. \
    LONGSHORE_LAB=NAME means another lab beside the first."
)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring up N hosts; those that run are kept, those that are stopped are started
    Up {
        /// How many hosts
        #[arg(value_name = "N", default_value_t = 2, value_parser = value_parser!(u16).range(1..=i64::from(MOST_HOSTS)))]
        count: u16,
    },
    /// Remove the hosts with all that is in them, their network and their keys
    Down {
        /// Remove the images of lab hosts, too, unless another lab uses them
        #[arg(long)]
        image: bool,
    },
    /// Show the hosts and whether they can be used
    Status,
    /// Log in to a host, or run a command there
    Ssh {
        /// Which, for example `lab-1`
        host: HostName,
        /// The command; its words are joined as ssh does
        #[arg(last = true, value_name = "CMD")]
        command: Vec<String>,
    },
}

/// Does what is asked with the lab.
///
/// # Errors
///
/// If no engine answers, a host does not come up, or there is no such host.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    match arguments.action {
        Action::Up { count } => up(context, count).await,
        Action::Down { image } => down(context, image).await,
        Action::Status => status(context).await,
        Action::Ssh { host, command } => match login(&host, &command)? {},
    }
}

async fn up(context: &Context, count: u16) -> Result<(), Failure> {
    let lab = Lab::connect().await?;
    let interrupted = context.interrupt.first.cancelled();
    let hosts = context
        .show(async |events| {
            tokio::select! {
                hosts = lab::up(&lab, count, &events) => Ok(hosts?),
                () = interrupted => Err(Failure::new(Kind::Interrupted, "interrupted")
                    .hint("`longshore lab up` continues, `longshore lab down` removes what was made")),
            }
        })
        .await?;
    if context.output.json() {
        context.output.finished(json!({
            "lab": lab.name().as_str(), "ssh_config": lab.ssh_config(), "hosts": hosts,
        }));
        return Ok(());
    }
    let names: Vec<_> = hosts
        .iter()
        .map(|host| format!("core@{}", host.host))
        .collect();
    context.output.result(format!(
        "{}\nIn longshore.yaml:\n\n  environments:\n    lab:\n      driver: systemd\n      hosts: [{}]\n",
        table(&hosts),
        names.join(", ")
    ));
    Ok(())
}

async fn down(context: &Context, image: bool) -> Result<(), Failure> {
    let lab = Lab::connect().await?;
    let removed = lab::down(&lab, image).await?;
    if context.output.json() {
        context
            .output
            .finished(json!({ "lab": lab.name().as_str(), "removed": removed }));
    } else if removed == 0 {
        context.output.result(none(lab.name()));
    } else {
        let hosts = if removed == 1 { "host" } else { "hosts" };
        context
            .output
            .result(format!("removed {removed} {hosts} of lab {}", lab.name()));
    }
    Ok(())
}

async fn status(context: &Context) -> Result<(), Failure> {
    let lab = Lab::connect().await?;
    let hosts = lab::status(&lab).await?;
    if context.output.json() {
        context.output.object(&json!({
            "lab": lab.name().as_str(), "ssh_config": lab.ssh_config(), "hosts": hosts,
        }));
    } else if hosts.is_empty() {
        context.output.result(none(lab.name()));
    } else {
        context.output.result(table(&hosts));
    }
    Ok(())
}

fn none(lab: &LabName) -> String {
    format!("lab {lab} has no hosts; `longshore lab up` makes some")
}

fn table(hosts: &[LabHost]) -> String {
    let mut text = format!("{:<8} {:<16} STATE\n", "HOST", "ADDRESS");
    for host in hosts {
        let address = host
            .address
            .map_or_else(|| "-".to_owned(), |address| address.to_string());
        let reason = host
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        text.push_str(&format!(
            "{:<8} {address:<16} {}{reason}\n",
            host.host,
            host.state.as_str()
        ));
    }
    text
}
