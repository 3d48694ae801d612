//! The rules, one by one and by random rollouts against simulated hosts.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a simulated host cares for a few commands only"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::cluster::Placement;
use crate::domain::failure::Kind;
use crate::domain::inventory::{Fleet, Inventory, Pending};
use crate::domain::ledger::Release;
use crate::domain::name::{DeploymentId, HostName, ServiceName};
use crate::domain::plan::rollout::{Plan, PlanInput, plan};
use crate::domain::sample;
use crate::domain::unit::Scope;

/// A service on each of so many hosts.
fn fleet_of(count: usize) -> Release {
    let hosts = &["h1", "h2", "h3", "h4", "h5"][..count];
    let mut release = sample::release(&[("web", sample::service())], hosts);
    sample::place(&mut release, "web", Placement::Global);
    release
}

fn planned(release: &Release, hosts: &BTreeMap<HostName, Inventory>) -> Plan {
    let names: Vec<_> = hosts.keys().cloned().collect();
    let environment = &release.cluster.environments[&sample::staging()];
    plan(&PlanInput {
        scope: &Scope {
            cluster: "shop".parse().unwrap(),
            environment: sample::staging(),
        },
        release: &release.id,
        policy: &environment.rollout,
        hosts: &names,
        trees: &sample::trees(release),
        fleet: &Fleet {
            hosts: hosts.clone(),
            unreachable: BTreeMap::new(),
        },
        adopt: false,
    })
    .unwrap()
}

fn bare(release: &Release) -> BTreeMap<HostName, Inventory> {
    let hosts = &release.cluster.environments[&sample::staging()].hosts;
    hosts
        .iter()
        .map(|host| (host.name().clone(), Inventory::default()))
        .collect()
}

fn failed(left: Left) -> Result<(), Failed> {
    Err(Failed {
        kind: Kind::Failed,
        left,
        reason: "it broke".to_owned(),
    })
}

/// What a command is about, for short.
fn word(command: &Command) -> String {
    match command {
        Command::Lock => "lock".to_owned(),
        Command::Preflight { host } => format!("preflight {host}"),
        Command::Ship { host, service } => format!("ship {host} {service}"),
        Command::Stage { host } => format!("stage {host}"),
        Command::Apply { host, .. } => format!("apply {host}"),
        Command::Gate { host, .. } => format!("gate {host}"),
        Command::Confirm { host, .. } => format!("confirm {host}"),
        Command::Revert { host, to, .. } => {
            format!(
                "revert {host} {}",
                to.as_ref().map_or("none", DeploymentId::as_str)
            )
        }
        Command::Prune { host } => format!("prune {host}"),
        Command::Cancel => "cancel".to_owned(),
        Command::Unlock => "unlock".to_owned(),
        Command::Finish { .. } => "finish".to_owned(),
    }
}

/// A rollout that is driven by hand.
struct Play {
    state: State,
    running: Vec<Command>,
    said: Vec<String>,
    outcome: Option<Outcome>,
}

impl Play {
    fn new(release: &Release) -> Self {
        Self::of(&planned(release, &bare(release)))
    }

    fn of(plan: &Plan) -> Self {
        let mut play = Self {
            state: State::new(plan),
            running: Vec::new(),
            said: Vec::new(),
            outcome: None,
        };
        play.event(Event::Begin);
        play
    }

    fn event(&mut self, event: Event) {
        let (state, commands) = self.state.clone().step(event);
        self.state = state;
        for command in commands {
            self.said.push(word(&command));
            match command {
                Command::Finish { outcome } => self.outcome = Some(outcome),
                Command::Cancel => {}
                command => self.running.push(command),
            }
        }
    }

    fn end(&mut self, what: &str, result: Result<(), Failed>) {
        let position = self
            .running
            .iter()
            .position(|command| word(command).starts_with(what));
        let position =
            position.unwrap_or_else(|| panic!("{what} does not run: {:?}", self.running));
        let command = self.running.remove(position);
        let event = match (&command, &result) {
            (Command::Lock, Ok(())) => Event::Locked { token: 7 },
            _ => Event::Ended { command, result },
        };
        self.event(event);
    }

    /// Lets everything succeed until `what` runs.
    fn until(&mut self, what: &str) {
        while !self
            .running
            .iter()
            .any(|command| word(command).starts_with(what))
        {
            let next = word(&self.running[0]);
            self.end(&next, Ok(()));
        }
    }

    /// Lets everything succeed to the end, and returns it.
    fn finish(&mut self) -> Outcome {
        while !self.running.is_empty() {
            let next = word(&self.running[0]);
            self.end(&next, Ok(()));
        }
        self.outcome.clone().unwrap()
    }

    fn after(&self, what: &str) -> Vec<&str> {
        let position = self.said.iter().position(|said| said == what).unwrap();
        self.said[position + 1..]
            .iter()
            .map(String::as_str)
            .collect()
    }
}

#[test]
fn a_good_rollout_prepares_all_then_goes_host_by_host() {
    let mut play = Play::new(&fleet_of(2));
    assert_eq!(play.finish(), Outcome::Healthy);
    assert_eq!(
        play.said,
        [
            "lock",
            "preflight h1",
            "preflight h2",
            "ship h1 web",
            "ship h2 web",
            "stage h1",
            "stage h2",
            "apply h1",
            "gate h1",
            "confirm h1",
            "apply h2",
            "gate h2",
            "confirm h2",
            "prune h1",
            "prune h2",
            "unlock",
            "finish",
        ]
    );
}

#[test]
fn nothing_to_do_takes_no_lock() {
    let release = fleet_of(1);
    let tree = &sample::trees(&release)[&sample::host("h1")];
    let hosts = [(
        sample::host("h1"),
        sample::applied(tree, &Inventory::default()),
    )];
    let play = Play::of(&planned(&release, &hosts.into()));
    assert_eq!(play.said, ["finish"]);
    assert_eq!(play.outcome.unwrap().kind(), None);
}

#[test]
fn one_bad_preflight_leaves_every_host_as_it_was_and_all_are_heard() {
    let mut play = Play::new(&fleet_of(3));
    play.end("lock", Ok(()));
    play.end("preflight h1", failed(Left::Unchanged));
    let unreachable = Failed {
        kind: Kind::Unreachable,
        left: Left::Unchanged,
        reason: "no route".to_owned(),
    };
    play.end("preflight h3", Err(unreachable));
    play.end("preflight h2", Ok(()));
    let outcome = play.finish();
    assert_eq!(play.after("preflight h3"), ["unlock", "finish"]);
    assert_eq!(outcome.kind(), Some(Kind::Unreachable));
    assert_eq!(
        outcome.reason(),
        "not every host is ready; h1: it broke; h3: no route"
    );
}

#[test]
fn a_lock_that_is_held_ends_it() {
    let mut play = Play::new(&fleet_of(1));
    let held = Failed {
        kind: Kind::Refused,
        left: Left::Unchanged,
        reason: "ann holds it".to_owned(),
    };
    play.end("lock", Err(held));
    assert_eq!(play.said, ["lock", "finish"]);
    let outcome = play.outcome.unwrap();
    assert_eq!(outcome.kind().unwrap().exit_code(), 3);
    assert_eq!(outcome.reason(), "the lock was not taken: ann holds it");
}

#[test]
fn a_failed_ship_cancels_the_others_and_names_only_itself() {
    let mut play = Play::new(&fleet_of(2));
    play.until("ship");
    play.end("ship h1", failed(Left::Unchanged));
    play.end("ship h2", failed(Left::Unchanged));
    assert_eq!(play.after("ship h2 web"), ["cancel", "unlock"]);
    let Outcome::Unchanged { failures, .. } = play.finish() else {
        panic!()
    };
    assert_eq!(
        failures.keys().map(HostName::as_str).collect::<Vec<_>>(),
        ["h1"]
    );
}

#[test]
fn a_host_that_does_not_become_healthy_takes_all_back() {
    let mut play = Play::new(&fleet_of(3));
    play.until("gate h2");
    play.end("gate h2", failed(Left::Unchanged));
    let outcome = play.finish();
    assert_eq!(
        play.after("gate h2"),
        ["revert h2 none", "revert h1 none", "unlock", "finish"]
    );
    assert_eq!(outcome.kind(), Some(Kind::Failed));
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
}

#[test]
fn within_the_budget_the_rest_goes_on_and_the_end_is_mixed() {
    let mut release = fleet_of(3);
    sample::environment(&mut release).rollout.max_failures = 1;
    let mut play = Play::new(&release);
    play.until("apply h1");
    play.end("apply h1", failed(Left::Reverted));
    let outcome = play.finish();
    assert_eq!(
        outcome.reason(),
        "hosts failed; h1: it broke; h1 is old, h2 is new, h3 is new"
    );
    assert_eq!(play.after("apply h1")[..2], ["apply h2", "gate h2"]);
}

#[test]
fn a_cut_connection_during_apply_is_made_certain() {
    let mut play = Play::new(&fleet_of(1));
    play.until("apply h1");
    play.end("apply h1", failed(Left::Unknown));
    assert_eq!(play.after("apply h1"), ["revert h1 none"]);
    play.end("revert h1", failed(Left::Unknown));
    let outcome = play.finish();
    let text = "hosts failed; h1: it broke; going back failed: it broke; h1 is left to its guard";
    assert_eq!(outcome.reason(), text);
}

#[test]
fn a_confirm_that_comes_too_late_goes_back_for_certain() {
    let mut play = Play::new(&fleet_of(1));
    play.until("confirm h1");
    play.end("confirm h1", failed(Left::Unchanged));
    assert!(matches!(play.finish(), Outcome::Reverted { .. }));
    assert_eq!(
        play.after("confirm h1"),
        ["revert h1 none", "unlock", "finish"]
    );
}

#[test]
fn the_first_interrupt_takes_the_batch_back_and_keeps_what_was_confirmed() {
    let mut release = fleet_of(4);
    sample::environment(&mut release).rollout.max_in_flight = 2;
    let mut play = Play::new(&release);
    play.until("apply h4");
    play.end("apply h3", Ok(()));
    play.end("gate h3", Ok(()));
    play.end("confirm h3", Ok(()));
    play.event(Event::Interrupted);
    play.end("apply h4", Ok(()));
    let outcome = play.finish();
    assert_eq!(
        play.after("confirm h3"),
        ["revert h3 none", "revert h4 none", "unlock", "finish"]
    );
    assert_eq!(outcome.kind(), Some(Kind::Interrupted));
    assert_eq!(
        outcome.reason(),
        "interrupted; h1 is new, h2 is new, h3 is old, h4 is old"
    );
}

#[test]
fn an_interrupt_before_the_first_switch_changes_nothing() {
    let mut play = Play::new(&fleet_of(2));
    play.until("ship");
    play.event(Event::Interrupted);
    play.end("ship h1", failed(Left::Unchanged));
    play.end("ship h2", Ok(()));
    let outcome = play.finish();
    assert_eq!(outcome.reason(), "interrupted");
    assert!(matches!(outcome, Outcome::Unchanged { .. }));
}

#[test]
fn the_second_interrupt_leaves_it_to_the_guards_at_once() {
    let mut play = Play::new(&fleet_of(2));
    play.until("gate h1");
    play.event(Event::Interrupted);
    play.event(Event::Interrupted);
    assert_eq!(play.after("gate h1"), ["cancel", "cancel", "unlock"]);
    play.end("unlock", Ok(()));
    let outcome = play.outcome.clone().unwrap();
    assert_eq!(
        outcome.reason(),
        "interrupted; h1 is left to its guard, h2 is old"
    );
    play.end("gate h1", Ok(()));
    assert_eq!(
        play.said.last().unwrap(),
        "finish",
        "what ends late is ignored"
    );
}

#[test]
fn a_lost_lease_sends_nothing_more_to_hosts() {
    let mut play = Play::new(&fleet_of(2));
    play.until("apply h2");
    play.event(Event::LeaseLost);
    assert_eq!(play.after("apply h2"), ["unlock"]);
    play.end("unlock", failed(Left::Unchanged));
    let outcome = play.outcome.unwrap();
    assert_eq!(
        outcome.reason(),
        "the lock's lease was lost; h1 is new, h2 is left to its guard"
    );
}

#[test]
fn the_way_back_of_an_unconfirmed_switch_stays_the_way_back() {
    let release = fleet_of(1);
    let mut hosts = bare(&release);
    let back: DeploymentId = "0123456789ab".parse().unwrap();
    hosts.get_mut(&sample::host("h1")).unwrap().pending = Some(Pending {
        to: "ba9876543210".parse().unwrap(),
        back: Some(back),
        seconds_left: 9,
        guarded: true,
    });
    let mut play = Play::of(&planned(&release, &hosts));
    play.until("apply h1");
    play.end("apply h1", failed(Left::Unknown));
    play.finish();
    let reverts = play.said.iter().filter(|said| said.starts_with("revert"));
    assert_eq!(reverts.collect::<Vec<_>>(), ["revert h1 0123456789ab"]);
}

/// Hosts that do what they are told, or fail by chance.
struct World {
    new: BTreeMap<HostName, bool>,
    confirmed: BTreeSet<HostName>,
    prepared: BTreeSet<String>,
    in_flight: BTreeSet<HostName>,
    most_in_flight: usize,
}

impl World {
    fn given(&mut self, command: &Command, hosts: usize, services: &BTreeSet<ServiceName>) {
        match command {
            Command::Apply { host, .. } | Command::Revert { host, .. } => {
                assert_eq!(
                    self.prepared.len(),
                    2 * hosts,
                    "a switch before all are prepared"
                );
                self.in_flight.insert(host.clone());
                self.most_in_flight = self.most_in_flight.max(self.in_flight.len());
            }
            Command::Ship { service, .. } => assert!(services.contains(service)),
            _ => {}
        }
    }

    /// Does what a command does; `luck` decides how it ends.
    fn ends(&mut self, command: &Command, luck: u8) -> Result<(), Failed> {
        let result = match luck {
            0..=12 => Ok(()),
            13 => failed(Left::Unchanged),
            14 => failed(Left::Reverted),
            _ => failed(Left::Unknown),
        };
        match (command, &result) {
            (Command::Preflight { .. } | Command::Stage { .. }, Ok(())) => {
                self.prepared.insert(word(command));
            }
            (Command::Apply { host, .. }, Ok(())) => {
                self.new.insert(host.clone(), true);
            }
            (Command::Apply { host, .. }, Err(failed)) if failed.left == Left::Unknown => {
                self.new.insert(host.clone(), true);
            }
            (Command::Apply { host, .. }, Err(_)) => {
                self.in_flight.remove(host);
            }
            (Command::Confirm { host, .. }, Ok(())) => {
                self.in_flight.remove(host);
                self.confirmed.insert(host.clone());
            }
            (Command::Revert { host, .. }, result) => {
                self.in_flight.remove(host);
                if result.is_ok() {
                    self.new.insert(host.clone(), false);
                    self.confirmed.remove(host);
                }
            }
            _ => {}
        }
        result
    }

    fn agrees(&self, outcome: &Outcome) {
        let new = |host: &HostName| self.new.get(host).copied().unwrap_or(false);
        match outcome {
            Outcome::Healthy => assert!(self.new.keys().all(|host| self.confirmed.contains(host))),
            Outcome::Unchanged { .. } | Outcome::Reverted { .. } => {
                assert!(!self.new.values().any(|new| *new))
            }
            Outcome::Mixed { hosts, .. } => {
                for (host, side) in hosts {
                    match side {
                        Side::New => assert!(new(host) && self.confirmed.contains(host)),
                        Side::Old => assert!(!new(host)),
                        Side::Unknown => {}
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_rollout_leaves_a_host_in_between(
        count in 1..6_usize,
        max_in_flight in 0..4_u16,
        max_failures in 0..3_u16,
        tape in prop::collection::vec((any::<u8>(), 0..18_u8, 0..60_u8), 0..80),
    ) {
        let mut release = fleet_of(count);
        let policy = &mut sample::environment(&mut release).rollout;
        (policy.max_in_flight, policy.max_failures) = (max_in_flight, max_failures);
        let services = release.images.keys().cloned().collect();
        let mut play = Play::new(&release);
        let hosts = bare(&release);
        let mut world = World {
            new: hosts.keys().map(|host| (host.clone(), false)).collect(),
            confirmed: BTreeSet::new(),
            prepared: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            most_in_flight: 0,
        };
        let mut tape = tape.into_iter();
        let mut steps = 0;
        while play.outcome.is_none() {
            steps += 1;
            prop_assert!(steps < 200, "it does not end: {:?}", play.said);
            let (which, luck, chance) = tape.next().unwrap_or((0, 0, 59));
            let before = play.running.len();
            match chance {
                0..=1 => play.event(Event::Interrupted),
                2 => play.event(Event::LeaseLost),
                _ => {
                    let command = play.running.remove(usize::from(which) % before);
                    let event = match (&command, world.ends(&command, luck)) {
                        (Command::Lock, Ok(())) => Event::Locked { token: 1 },
                        (_, result) => Event::Ended { command, result },
                    };
                    play.event(event);
                }
            }
            for command in &play.running {
                world.given(command, count, &services);
            }
        }
        let outcome = play.outcome.clone().unwrap();
        world.agrees(&outcome);
        prop_assert!(world.most_in_flight <= usize::from(max_in_flight.max(1)));
        let locked = play.said.iter().any(|said| said.starts_with("preflight"));
        prop_assert!(!locked || play.said.contains(&"unlock".to_owned()));
        prop_assert_eq!(play.said.last().map(String::as_str), Some("finish"));

        let trees = sample::trees(&release);
        let after: BTreeMap<_, _> = hosts.iter().map(|(host, inventory)| {
            let now = if world.new[host] { sample::applied(&trees[host], inventory) } else { inventory.clone() };
            (host.clone(), now)
        }).collect();
        let again = planned(&release, &after);
        prop_assert_eq!(again.is_empty(), world.new.values().all(|new| *new));
    }
}
