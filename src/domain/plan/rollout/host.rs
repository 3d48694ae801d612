//! What one host has to do.

use std::collections::BTreeMap;

use super::change::differences;
use super::value::{Action, Blocker, Change, HostPlan, Leftover, Reason};
use crate::domain::inventory::{Inventory, UnitState};
use crate::domain::unit::{Kind, Listed, Parts, Scope, Tree, UnitName};

/// Compares what a host is to run with what it runs.
pub fn host(tree: &Tree, inventory: &Inventory) -> HostPlan {
    let to = tree.id();
    let leftover = inventory.pending.as_ref().map(|pending| Leftover {
        to: pending.to.clone(),
        back: pending.back.clone(),
    });
    let from = match &leftover {
        Some(leftover) => leftover.back.clone(),
        None => inventory.current.clone(),
    };
    let untouched = leftover.is_none() && from.is_none() && inventory.units.is_empty();
    let nothing_to_run = tree.images.is_empty() && untouched;
    let here = Host { tree, inventory };
    let (changes, unchanged) = if nothing_to_run {
        (Vec::new(), 0)
    } else {
        here.changes()
    };
    let lacking = tree
        .images
        .iter()
        .filter(|(_, image)| !inventory.images.contains(&image.config));
    let absent = tree
        .assets
        .keys()
        .filter(|name| !inventory.assets.contains(name));
    HostPlan {
        from,
        to: (!nothing_to_run).then_some(to),
        leftover,
        changes,
        unchanged,
        ship: lacking
            .map(|(service, image)| (service.clone(), image.config))
            .collect(),
        assets: absent.copied().collect(),
        blockers: if nothing_to_run {
            Vec::new()
        } else {
            here.blockers()
        },
    }
}

struct Host<'a> {
    tree: &'a Tree,
    inventory: &'a Inventory,
}

/// What happens to a unit, and why.
type Step = (Action, Vec<Reason>);

impl Host<'_> {
    /// Returns what goes, then what comes or stays in start order; and how many units stay.
    fn changes(&self) -> (Vec<Change>, usize) {
        let mut changes: Vec<Change> = self.gone();
        let mut restarting: Vec<(UnitName, Action)> = Vec::new();
        let mut unchanged = 0;
        for unit in &self.tree.units {
            let step = self
                .step(unit)
                .or_else(|| self.following(unit, &restarting));
            let Some((action, reasons)) = step else {
                unchanged += 1;
                continue;
            };
            restarting.push((unit.name.clone(), action));
            let instance = unit.instance.as_ref().map(ToString::to_string);
            let subject = instance.or_else(|| unit.subject.clone());
            changes.push(Change {
                subject: subject.unwrap_or_else(|| unit.name.to_string()),
                unit: unit.name.clone(),
                kind: unit.kind,
                action,
                reasons,
            });
        }
        (changes, unchanged)
    }

    fn step(&self, unit: &Listed) -> Option<Step> {
        let state = self.inventory.units.get(&unit.name);
        let written = Parts::read(&self.inventory.manifest, &unit.name);
        let Some(state) = state.filter(|state| installed(state) || written.is_some()) else {
            return Some((created(unit.kind), vec![self.because_new(unit.kind)]));
        };
        // Somebody decided on the host that it shall not run.
        if state.load == "masked" {
            return None;
        }
        let differences = self.differences(unit, written.as_ref());
        match unit.kind {
            Kind::Service => service(unit, state, differences),
            Kind::Network => network(unit, state, differences),
            Kind::Volume if state.active != "active" => {
                let state = state.active.clone();
                Some((Action::Create, vec![Reason::NotRunning { state }]))
            }
            Kind::OneShot if self.inventory.current.as_ref() != Some(&self.tree.id()) => {
                let once = [self.because_new(Kind::OneShot)];
                Some((
                    Action::RunOnce,
                    once.into_iter().chain(differences).collect(),
                ))
            }
            Kind::Volume | Kind::OneShot | Kind::Target | Kind::Boot => {
                rewritten(state, differences)
            }
        }
    }

    fn because_new(&self, kind: Kind) -> Reason {
        match kind {
            Kind::OneShot if self.inventory.kept.contains(&self.tree.id()) => Reason::UnlessDone,
            Kind::OneShot => Reason::OncePerDeployment,
            Kind::Network | Kind::Volume | Kind::Service | Kind::Target | Kind::Boot => Reason::New,
        }
    }

    /// Returns what the current deployment's manifest tells of the difference; nothing if it is the same text.
    fn differences(&self, unit: &Listed, written: Option<&Parts>) -> Vec<Reason> {
        match (written, self.tree.parts.get(&unit.name)) {
            (Some(old), Some(new)) => differences(old, new),
            (Some(_) | None, None) | (None, Some(_)) => vec![Reason::Text],
        }
    }

    /// Returns a restart for a service whose network is created anew, or that follows what is restarted.
    fn following(&self, unit: &Listed, restarting: &[(UnitName, Action)]) -> Option<Step> {
        if unit.kind != Kind::Service {
            return None;
        }
        let follows = self
            .tree
            .parts
            .get(&unit.name)
            .map(|parts| &parts.follows)?;
        let first = restarting.iter().find(|(other, action)| match action {
            Action::Recreate => true,
            Action::Restart => follows.contains(other),
            Action::Create
            | Action::Start
            | Action::Stop
            | Action::Remove
            | Action::Forget
            | Action::RunOnce
            | Action::Write => false,
        });
        let (unit, _) = first?;
        let unit = unit.clone();
        Some((Action::Restart, vec![Reason::Follows { unit }]))
    }

    /// Returns the units that the host has and the deployment does not.
    fn gone(&self) -> Vec<Change> {
        let listed = |name: &UnitName| self.tree.units.iter().any(|unit| unit.name == *name);
        let units: BTreeMap<_, _> = self
            .inventory
            .units
            .iter()
            .filter(|(name, _)| !listed(name))
            .collect();
        let change = |(name, state): (&UnitName, &UnitState)| {
            if !installed(state) && state.active != "active" {
                return None;
            }
            let kind = kind(&self.tree.scope, name, self.inventory);
            Some(Change {
                unit: name.clone(),
                kind,
                subject: short(&self.tree.scope, name),
                action: removed(kind),
                reasons: vec![Reason::Removed],
            })
        };
        units.into_iter().filter_map(change).collect()
    }

    /// Returns what must not be overwritten unless that is asked for. After a switch that was cut off, files differ by
    /// our own doing.
    fn blockers(&self) -> Vec<Blocker> {
        let foreign = self.inventory.foreign.iter();
        let ours = |unit: &&UnitName| self.tree.parts.contains_key(unit);
        let foreign = foreign
            .filter(ours)
            .cloned()
            .map(|unit| Blocker::Foreign { unit });
        let pending = self.inventory.pending.is_some();
        let kept = |(name, state): (&UnitName, &UnitState)| {
            let unit = name.clone();
            let written = self.inventory.manifest.contains_key(&Parts::key(name));
            match state.load.as_str() {
                "masked" if self.tree.parts.contains_key(name) => Some(Blocker::Masked { unit }),
                "loaded" if written && !state.intact && !pending => {
                    Some(Blocker::HandChanged { unit })
                }
                _ => None,
            }
        };
        foreign
            .chain(self.inventory.units.iter().filter_map(kept))
            .collect()
    }
}

/// Returns what a person calls a unit that no deployment knows any more.
fn short(scope: &Scope, name: &UnitName) -> String {
    let text = name.as_str();
    let rest = text.strip_prefix(&format!("{scope}-")).unwrap_or(text);
    rest.strip_suffix(".service").unwrap_or(rest).to_owned()
}

fn installed(state: &UnitState) -> bool {
    state.load != "not-found"
}

fn service(unit: &Listed, state: &UnitState, differences: Vec<Reason>) -> Option<Step> {
    let runs = state.active == "active";
    if runs && state.running == Some(unit.identity) {
        return rewritten(state, Vec::new());
    }
    let action = if runs { Action::Restart } else { Action::Start };
    let mut reasons = differences;
    if !runs {
        let state = state.active.clone();
        reasons.push(Reason::NotRunning { state });
    } else if reasons.is_empty() {
        reasons.push(Reason::Stranger);
    }
    reasons.extend(file(state));
    Some((action, reasons))
}

/// A network that is not as its unit makes it is made anew, which restarts what runs on it.
fn network(unit: &Listed, state: &UnitState, differences: Vec<Reason>) -> Option<Step> {
    let stopped = || Reason::NotRunning {
        state: state.active.clone(),
    };
    match state.running {
        None => Some((Action::Recreate, vec![stopped()])),
        Some(running) if running != unit.identity => {
            let stranger = differences.is_empty().then_some(Reason::Stranger);
            let reasons = differences.into_iter().chain(stranger);
            Some((Action::Recreate, reasons.collect()))
        }
        Some(_) if state.active != "active" => Some((Action::Create, vec![stopped()])),
        Some(_) => rewritten(state, Vec::new()),
    }
}

/// Returns a step that only writes the file, if that is needed.
fn rewritten(state: &UnitState, differences: Vec<Reason>) -> Option<Step> {
    let reasons: Vec<_> = differences.into_iter().chain(file(state)).collect();
    (!reasons.is_empty()).then_some((Action::Write, reasons))
}

fn file(state: &UnitState) -> Option<Reason> {
    match (installed(state), state.intact) {
        (false, _) => Some(Reason::NotInstalled),
        (true, false) => Some(Reason::HandChanged),
        (true, true) => None,
    }
}

fn created(kind: Kind) -> Action {
    match kind {
        Kind::Network | Kind::Volume => Action::Create,
        Kind::OneShot => Action::RunOnce,
        Kind::Service => Action::Start,
        Kind::Target | Kind::Boot => Action::Write,
    }
}

fn removed(kind: Kind) -> Action {
    match kind {
        Kind::Network => Action::Remove,
        Kind::Service => Action::Stop,
        Kind::Volume | Kind::OneShot | Kind::Target | Kind::Boot => Action::Forget,
    }
}

/// Returns what a unit of the host does: as its deployment's manifest says, or else as its name does.
fn kind(scope: &Scope, name: &UnitName, inventory: &Inventory) -> Kind {
    if let Some(parts) = Parts::read(&inventory.manifest, name) {
        return parts.kind;
    }
    let rest = name
        .as_str()
        .strip_prefix(&scope.to_string())
        .unwrap_or_default();
    match rest {
        ".target" => Kind::Target,
        "-boot.service" => Kind::Boot,
        rest if rest.starts_with("-network.") || rest.starts_with("-network-") => Kind::Network,
        rest if rest.starts_with("-volume-") => Kind::Volume,
        _ => Kind::Service,
    }
}
