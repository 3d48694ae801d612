//! Plans by value and as people read them. Inputs are fixed, so the texts are.

use std::collections::BTreeMap;

use super::*;
use crate::domain::cluster::Placement;
use crate::domain::failure::Explain;
use crate::domain::inventory::{Fleet, Inventory, Pending, UnitState};
use crate::domain::ledger::Release;
use crate::domain::name::HostName;
use crate::domain::sample::{self, service};
use crate::domain::unit::{Scope, UnitName};

fn hosts(release: &Release) -> Vec<HostName> {
    let environment = &release.cluster.environments[&sample::staging()];
    environment
        .hosts
        .iter()
        .map(|host| host.name().clone())
        .collect()
}

fn planned(release: &Release, fleet: &Fleet, adopt: bool) -> Plan {
    let environment = &release.cluster.environments[&sample::staging()];
    plan(&PlanInput {
        scope: &scope(),
        release: &release.id,
        policy: &environment.rollout,
        hosts: &hosts(release),
        trees: &sample::trees(release),
        fleet,
        adopt,
    })
    .unwrap()
}

fn scope() -> Scope {
    Scope {
        cluster: "shop".parse().unwrap(),
        environment: sample::staging(),
    }
}

/// Hosts that never ran anything.
fn bare(release: &Release) -> Fleet {
    let bare = |host| (host, Inventory::default());
    Fleet {
        hosts: hosts(release).into_iter().map(bare).collect(),
        unreachable: BTreeMap::new(),
    }
}

/// Hosts that run a release.
fn running(release: &Release) -> Fleet {
    let mut fleet = bare(release);
    for (host, tree) in sample::trees(release) {
        if !tree.images.is_empty() {
            let applied = sample::applied(&tree, &fleet.hosts[&host]);
            fleet.hosts.insert(host, applied);
        }
    }
    fleet
}

fn state<'f>(fleet: &'f mut Fleet, host: &str, unit: &str) -> &'f mut UnitState {
    let host = fleet.hosts.get_mut(&sample::host(host)).unwrap();
    let unit: UnitName = format!("shop-staging-{unit}").parse().unwrap();
    host.units.get_mut(&unit).unwrap()
}

fn explained(plan: &Plan) -> String {
    // Ids follow the texts of units, which other tests keep.
    let mut text = plan.explain(false);
    let ids = plan.hosts.values().flat_map(|host| [&host.from, &host.to]);
    for id in ids.flatten() {
        let name = if plan.hosts.values().any(|host| host.to.as_ref() == Some(id)) {
            "NEW"
        } else {
            "OLD"
        };
        text = text.replace(id.as_str(), name);
    }
    text.replace(plan.release.as_str(), "RELEASE")
}

#[test]
fn a_first_deployment_starts_everything_in_order() {
    let release = sample::guestbook();
    let plan = planned(&release, &bare(&release), false);
    assert_eq!(
        explained(&plan),
        "\
shop in staging: release RELEASE

lab-1  none → NEW
  + network  shop-staging       create: new
  + network  shop-staging_back  create: new
  + volume   shop-staging_data  create: new
  + service  cache-1            start: new
  + service  db-1               start: new
  ! one-shot migrate-1          run once, not reverted
  + service  web-1              start: new
    4 images to ship: cache, db, migrate, web; 1 mounted path to bring

lab-2  nothing runs here

lab-1 switches, and goes back if it does not become healthy
"
    );
}

#[test]
fn what_is_there_already_is_told_in_one_line() {
    let release = sample::guestbook();
    let plan = planned(&release, &running(&release), false);
    assert!(plan.is_empty());
    assert_eq!(
        explained(&plan),
        "nothing to do: 2 hosts of staging are up to date with release RELEASE\n"
    );
}

#[test]
fn every_step_says_why() {
    let before = sample::guestbook();
    let fleet = running(&before);
    let mut release = sample::guestbook();
    release
        .images
        .insert("web".parse().unwrap(), sample::image("web 2"));
    let web = &mut sample::service_of(&mut release, "web").environment;
    web.insert("LOG_LEVEL".to_owned(), "debug".to_owned());
    web.insert("NEW".to_owned(), "x".to_owned());
    web.remove("GREETING");
    sample::service_of(&mut release, "db")
        .ports
        .push(sample::port(5432));
    sample::environment(&mut release).services.remove("cache");
    let web = sample::service_of(&mut release, "web");
    web.depends_on.remove("cache");
    release.id = release.content_id();
    let plan = planned(&release, &fleet, false);
    assert_eq!(
        explained(&plan),
        "\
shop in staging: release RELEASE

lab-1  OLD → NEW
  - service  cache-1    stop: not in the release any more
  ~ service  db-1       restart: ports changed
  ! one-shot migrate-1  run once, not reverted
  ~ service  web-1      restart: image 4b5e57f6eb2f → 88f3e977ffb6, variable GREETING removed, variable LOG_LEVEL changed, variable NEW added, dependencies changed
    1 image to ship: web; 4 units unchanged

lab-2  nothing runs here

lab-1 switches, and goes back if it does not become healthy
"
    );
}

#[test]
fn a_values_hash_is_in_no_explanation() {
    let before = sample::guestbook();
    let mut release = before.clone();
    let web = &mut sample::service_of(&mut release, "web").environment;
    web.insert("LOG_LEVEL".to_owned(), "hunter2".to_owned());
    let plan = planned(&release, &running(&before), false);
    let json = serde_json::to_string(&plan).unwrap();
    let hash = crate::domain::unit::Parts::hash("hunter2");
    for text in [plan.explain(true), json] {
        assert!(text.contains("LOG_LEVEL"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains(&hash), "{text}");
    }
}

#[test]
fn what_does_not_run_is_started_and_what_a_stranger_runs_is_restarted() {
    let release = sample::guestbook();
    let mut fleet = running(&release);
    "failed".clone_into(&mut state(&mut fleet, "lab-1", "cache-1.service").active);
    state(&mut fleet, "lab-1", "db-1.service").running = None;
    let plan = planned(&release, &fleet, false);
    assert_eq!(
        explained(&plan),
        "\
shop in staging: release RELEASE

lab-1  NEW is repaired
  + service  cache-1  start: not running (failed)
  ~ service  db-1     restart: what runs was not made by its unit
    7 units unchanged

lab-2  nothing runs here

lab-1 switches, and goes back if it does not become healthy
"
    );
}

#[test]
fn a_hand_changed_or_foreign_unit_blocks_unless_adopted() {
    let release = sample::guestbook();
    let mut fleet = running(&release);
    state(&mut fleet, "lab-1", "cache-1.service").intact = false;
    let refused = planned(&release, &fleet, false).permitted().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "units on lab-1 are not as longshore left them: shop-staging-cache-1.service was changed by hand"
    );
    assert_eq!(refused.kind().exit_code(), 3);
    let plan = planned(&release, &fleet, true);
    assert_eq!(plan.permitted(), Ok(()));
    assert!(
        plan.explain(false)
            .contains("cache-1  write its unit: its file was changed by hand")
    );

    let mut fleet = bare(&release);
    let foreign = &mut fleet.hosts.get_mut(&sample::host("lab-1")).unwrap().foreign;
    foreign.insert("shop-staging-web-1.service".parse().unwrap());
    foreign.insert("shop-staging-other.service".parse().unwrap());
    let blockers = planned(&release, &fleet, false)
        .permitted()
        .unwrap_err()
        .blockers;
    let unit = "shop-staging-web-1.service".parse().unwrap();
    assert_eq!(
        blockers,
        [Blocker::Foreign { unit }],
        "what is not in our way is left alone"
    );
}

#[test]
fn a_file_that_is_gone_is_written_again_and_blocks_nothing() {
    let release = sample::guestbook();
    let mut fleet = running(&release);
    let boot = state(&mut fleet, "lab-1", "boot.service");
    (boot.load, boot.intact) = ("not-found".to_owned(), false);
    let plan = planned(&release, &fleet, false);
    assert_eq!(plan.permitted(), Ok(()));
    let changes = &plan.hosts[&sample::host("lab-1")].changes;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].reasons, [Reason::NotInstalled]);
}

#[test]
fn an_unconfirmed_switch_is_taken_up_again_even_if_all_seems_well() {
    let release = sample::guestbook();
    let mut fleet = running(&release);
    let host = fleet.hosts.get_mut(&sample::host("lab-1")).unwrap();
    host.pending = Some(Pending {
        to: host.current.clone().unwrap(),
        back: None,
        seconds_left: 20,
        guarded: true,
    });
    let plan = planned(&release, &fleet, false);
    assert_eq!(plan.batches, [[sample::host("lab-1")]]);
    let host = &plan.hosts[&sample::host("lab-1")];
    assert_eq!(
        host.from, None,
        "the way back of the switch that nobody confirmed"
    );
    let text = plan.explain(false);
    assert!(
        text.contains("is taken up again; the way back stays none\n"),
        "{text}"
    );
}

#[test]
fn who_follows_a_restarted_dependency_says_so() {
    let mut web = sample::after(
        service(),
        &[("db", crate::domain::cluster::Condition::Started)],
    );
    web.depends_on.get_mut("db").unwrap().restart = true;
    let release = sample::release(
        &[("db", service()), ("other", service()), ("web", web)],
        &["lab-1"],
    );
    let fleet = running(&release);
    let mut next = release.clone();
    next.images
        .insert("db".parse().unwrap(), sample::image("db 2"));
    let plan = planned(&next, &fleet, false);
    let changes = &plan.hosts[&sample::host("lab-1")].changes;
    let subjects: Vec<_> = changes
        .iter()
        .map(|change| (change.subject.as_str(), change.action))
        .collect();
    assert_eq!(
        subjects,
        [("db-1", Action::Restart), ("web-1", Action::Restart)]
    );
    let unit = "shop-staging-db-1.service".parse().unwrap();
    assert_eq!(changes[1].reasons, [Reason::Follows { unit }]);
}

#[test]
fn a_network_made_anew_restarts_every_service() {
    let release = sample::guestbook();
    let mut fleet = running(&release);
    state(&mut fleet, "lab-1", "network-back.service").running =
        Some(crate::domain::name::Digest::of("old"));
    let plan = planned(&release, &fleet, false);
    let changes = &plan.hosts[&sample::host("lab-1")].changes;
    let subjects: Vec<_> = changes
        .iter()
        .map(|change| (change.subject.as_str(), change.action))
        .collect();
    assert_eq!(
        subjects,
        [
            ("shop-staging_back", Action::Recreate),
            ("cache-1", Action::Restart),
            ("db-1", Action::Restart),
            ("web-1", Action::Restart),
        ]
    );
}

#[test]
fn the_host_of_the_one_shot_is_first_and_alone_then_groups() {
    let migrate = crate::domain::cluster::Service {
        one_shot: true,
        ..service()
    };
    let all = ["h1", "h2", "h3", "h4"];
    let mut release = sample::release(&[("migrate", migrate), ("web", service())], &all);
    sample::place(&mut release, "web", Placement::Global);
    sample::environment(&mut release).rollout.max_in_flight = 2;
    let plan = planned(&release, &bare(&release), false);
    let batches: Vec<Vec<_>> = plan
        .batches
        .iter()
        .map(|b| b.iter().map(HostName::as_str).collect())
        .collect();
    assert_eq!(batches, [vec!["h1"], vec!["h2", "h3"], vec!["h4"]]);
    assert!(
        plan.explain(false)
            .ends_with("h1, then h2 and h3, then h4; if one fails, all go back\n")
    );
}

#[test]
fn a_volume_that_would_start_empty_elsewhere_is_noted() {
    let before = sample::guestbook();
    let fleet = running(&before);
    let mut release = before.clone();
    sample::environment(&mut release).hosts.reverse();
    let plan = planned(&release, &fleet, false);
    let notes: Vec<_> = plan.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        ["volume shop-staging_data is empty on lab-2; its data stays on lab-1"]
    );
    let left = plan.hosts[&sample::host("lab-1")].changes.iter();
    let volume = left
        .clone()
        .find(|change| change.kind == crate::domain::unit::Kind::Volume)
        .unwrap();
    assert_eq!(volume.action, Action::Forget);
}

#[test]
fn without_an_inventory_there_is_no_plan() {
    let release = sample::guestbook();
    let mut fleet = bare(&release);
    fleet.hosts.remove(&sample::host("lab-2"));
    fleet
        .unreachable
        .insert(sample::host("lab-2"), "connection refused".to_owned());
    let error = plan(&PlanInput {
        scope: &scope(),
        release: &release.id,
        policy: &sample::environment(&mut release.clone()).rollout,
        hosts: &hosts(&release),
        trees: &sample::trees(&release),
        fleet: &fleet,
        adopt: false,
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot plan for lab-2, which did not answer: connection refused"
    );
    assert_eq!(error.kind().exit_code(), 4);
}

#[test]
fn the_fingerprint_moves_with_what_runs_and_not_with_the_weather() {
    let release = sample::guestbook();
    let fleet = running(&release);
    let of = |fleet: &Fleet| fingerprint(&hosts(&release), fleet);
    let mut weather = fleet.clone();
    let host = weather.hosts.get_mut(&sample::host("lab-1")).unwrap();
    (host.facts.clock, host.facts.engine_free_kb, host.fence) = (1, 2, 3);
    assert_eq!(of(&fleet), of(&weather));
    let mut moved = fleet.clone();
    "failed".clone_into(&mut state(&mut moved, "lab-1", "cache-1.service").active);
    assert_ne!(of(&fleet), of(&moved));
}

#[test]
fn a_plan_survives_its_file() {
    let release = sample::guestbook();
    let plan = planned(&release, &bare(&release), true);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn what_somebody_masked_is_left_alone() {
    let release = sample::guestbook();
    let mut fleet = running(&release);
    let masked = state(&mut fleet, "lab-1", "cache-1.service");
    (masked.load, masked.active) = ("masked".to_owned(), "inactive".to_owned());
    (masked.running, masked.intact) = (None, false);
    let plan = planned(&release, &fleet, true);
    assert!(plan.is_empty(), "{}", plan.explain(false));
    assert_eq!(plan.permitted(), Ok(()), "nothing is in the way of nothing");

    "failed".clone_into(&mut state(&mut fleet, "lab-1", "db-1.service").active);
    let refused = planned(&release, &fleet, true).permitted().unwrap_err();
    let unit = "shop-staging-cache-1.service".parse().unwrap();
    assert_eq!(refused.blockers, [Blocker::Masked { unit }]);
    assert_eq!(
        refused.hints(),
        ["on lab-1: `systemctl unmask shop-staging-cache-1.service`"]
    );
}

#[test]
fn a_one_shot_of_an_earlier_deployment_may_have_run() {
    let (release, mut next) = (sample::guestbook(), sample::guestbook());
    next.images
        .insert("web".parse().unwrap(), sample::image("web 2"));
    let (mut fleet, host) = (running(&release), sample::host("lab-1"));
    let after = sample::applied(&sample::trees(&next)[&host], &fleet.hosts[&host]);
    fleet.hosts.insert(host.clone(), after);
    let plan = planned(&release, &fleet, false);
    let once = plan.hosts[&host]
        .changes
        .iter()
        .find(|change| change.action == Action::RunOnce);
    assert_eq!(once.unwrap().reasons, [Reason::UnlessDone]);
}
