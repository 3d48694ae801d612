//! A plan as a text for people.

use std::fmt::Write as _;

use super::value::{Action, Change, HostPlan, Note, Plan, Reason, VariableChange};
use crate::domain::name::{DeploymentId, HostName};
use crate::domain::unit::Kind;

impl Plan {
    /// Returns the plan as a diff that a person reads; one line if there is nothing to do.
    #[must_use]
    pub fn explain(&self, colour: bool) -> String {
        let paint = Paint(colour);
        if self.is_empty() {
            let count = counted(self.hosts.len(), "host");
            let are = if self.hosts.len() == 1 { "is" } else { "are" };
            return format!(
                "nothing to do: {count} of {} {are} up to date with release {}\n",
                self.scope.environment, self.release
            );
        }
        let mut text = format!(
            "{} in {}: release {}\n",
            self.scope.cluster, self.scope.environment, self.release
        );
        for (host, plan) in &self.hosts {
            text.push('\n');
            text.push_str(&self.host(host, plan, paint));
        }
        text.push('\n');
        text.push_str(&self.order());
        for note in &self.notes {
            let _ = writeln!(text, "{} {note}", paint.yellow("note:"));
        }
        text
    }

    fn host(&self, name: &HostName, plan: &HostPlan, paint: Paint) -> String {
        if plan.up_to_date() {
            let now = plan
                .to
                .as_ref()
                .map_or("nothing runs here", |_| "up to date");
            return format!("{}  {now}\n", paint.bold(name.as_str()));
        }
        let (from, to) = (deployment(plan.from.as_ref()), deployment(plan.to.as_ref()));
        let way = if from == to {
            format!("{to} is repaired")
        } else {
            format!("{from} → {to}")
        };
        let mut text = format!("{}  {way}\n", paint.bold(name.as_str()));
        for blocker in &plan.blockers {
            let then = if self.adopt && !blocker.stays() {
                "is overwritten"
            } else {
                "is in the way"
            };
            let _ = writeln!(text, "  {} {blocker}, and {then}", paint.red("!"));
        }
        if let Some(leftover) = &plan.leftover {
            let _ = writeln!(
                text,
                "  {} an unconfirmed switch to {} is {}; the way back stays {}",
                paint.yellow("!"),
                leftover.to,
                if plan.to.as_ref() == Some(&leftover.to) {
                    "taken up again"
                } else {
                    "given up"
                },
                deployment(leftover.back.as_ref())
            );
        }
        let shown: Vec<_> = plan
            .changes
            .iter()
            .filter(|change| !routine(change))
            .collect();
        let width = shown
            .iter()
            .map(|change| change.subject.chars().count())
            .max();
        for change in &shown {
            text.push_str(&line(change, width.unwrap_or(0), paint));
        }
        if plan.changes.is_empty() && from != to {
            text.push_str(
                "  ~ units that differ there are restarted, one-shots are not run again\n",
            );
        }
        text.push_str(&brought(plan));
        text
    }

    fn order(&self) -> String {
        let batch = |hosts: &Vec<HostName>| {
            let names: Vec<_> = hosts.iter().map(HostName::as_str).collect();
            names.join(" and ")
        };
        let batches: Vec<_> = self.batches.iter().map(batch).collect();
        let failures = match self.policy.max_failures {
            0 => "if one fails, all go back".to_owned(),
            some => format!("if more than {some} fail, all go back"),
        };
        if batches.len() == 1 && self.batches[0].len() == 1 {
            return format!(
                "{} switches, and goes back if it does not become healthy\n",
                batches[0]
            );
        }
        format!("{}; {failures}\n", batches.join(", then "))
    }
}

/// Tells whether a change says nothing to a person: the target and the boot unit follow all others.
fn routine(change: &Change) -> bool {
    let follows = |reason: &Reason| matches!(reason, Reason::New | Reason::Text);
    matches!(change.kind, Kind::Target | Kind::Boot) && change.reasons.iter().all(follows)
}

fn line(change: &Change, width: usize, paint: Paint) -> String {
    let Change {
        unit: _,
        kind,
        subject,
        action,
        reasons,
    } = change;
    let (sign, word) = match action {
        Action::Create => (paint.green("+"), "create"),
        Action::Recreate => (paint.yellow("~"), "create anew"),
        Action::Start => (paint.green("+"), "start"),
        Action::Restart => (paint.yellow("~"), "restart"),
        Action::Stop => (paint.red("-"), "stop"),
        Action::Remove => (paint.red("-"), "remove"),
        Action::Forget if *kind == Kind::Volume => {
            (paint.red("-"), "no longer used, its data stays")
        }
        Action::Forget => (paint.red("-"), "remove its unit"),
        Action::RunOnce => (paint.yellow("!"), "run once, not reverted"),
        Action::Write => (paint.yellow("~"), "write its unit"),
    };
    let noun = match kind {
        Kind::Network => "network",
        Kind::Volume => "volume",
        Kind::OneShot => "one-shot",
        Kind::Service => "service",
        Kind::Target | Kind::Boot => "unit",
    };
    let told = |reason: &&Reason| !matches!(reason, Reason::OncePerDeployment);
    let reasons: Vec<_> = reasons
        .iter()
        .filter(told)
        .map(ToString::to_string)
        .collect();
    let why = if reasons.is_empty() {
        String::new()
    } else {
        format!(": {}", reasons.join(", "))
    };
    format!("  {sign} {noun:<8} {subject:<width$}  {word}{why}\n")
}

fn brought(plan: &HostPlan) -> String {
    let mut parts = Vec::new();
    if !plan.ship.is_empty() {
        let names: Vec<_> = plan.ship.keys().map(ToString::to_string).collect();
        parts.push(format!(
            "{} to ship: {}",
            counted(names.len(), "image"),
            names.join(", ")
        ));
    }
    if !plan.assets.is_empty() {
        parts.push(format!(
            "{} to bring",
            counted(plan.assets.len(), "mounted path")
        ));
    }
    if plan.unchanged > 0 {
        parts.push(format!("{} unchanged", counted(plan.unchanged, "unit")));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("    {}\n", parts.join("; "))
}

fn deployment(id: Option<&DeploymentId>) -> String {
    id.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Removed => f.write_str("not in the release any more"),
            Self::Image { from, to } => write!(f, "image {} → {}", from.short(), to.short()),
            Self::Variable { name, change } => {
                write!(f, "variable {} {change}", name.escape_debug())
            }
            Self::Settings { aspect } => write!(f, "{aspect} changed"),
            Self::Text => f.write_str("unit text changed"),
            Self::NotRunning { state } => write!(f, "not running ({})", state.escape_debug()),
            Self::NotInstalled => f.write_str("its file is gone"),
            Self::HandChanged => f.write_str("its file was changed by hand"),
            Self::Stranger => f.write_str("what runs was not made by its unit"),
            Self::Follows { unit } => write!(f, "follows {unit}"),
            Self::OncePerDeployment => f.write_str("once per deployment"),
            Self::UnlessDone => f.write_str("unless it did in this deployment before"),
        }
    }
}

impl std::fmt::Display for VariableChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        })
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::VolumeMoves { volume, from, to } => {
                write!(
                    f,
                    "volume {volume} is empty on {to}; its data stays on {from}"
                )
            }
            Self::Stays { host } => write!(
                f,
                "{host} had nothing to run then, and keeps what it runs now"
            ),
        }
    }
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}
