//! Where instances go, in words.

use super::*;
use crate::domain::failure::Explain;
use crate::domain::ledger::Release;
use crate::domain::sample::{self, after, port, service};
use proptest::prelude::*;

fn placed(release: &Release) -> Result<Placed, PlacementError> {
    let name = sample::staging();
    placement(&name, &release.cluster.environments[&name])
}

fn words(release: &Release) -> String {
    let line = |(host, instances): (&HostName, &BTreeSet<Instance>)| {
        let words: Vec<_> = instances.iter().map(ToString::to_string).collect();
        format!("{host}: {}", words.join(" "))
    };
    placed(release)
        .unwrap()
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn what_is_linked_stays_together() {
    let words = words(&sample::guestbook());
    assert_eq!(words, "lab-1: cache-1 db-1 migrate-1 web-1; lab-2: ");
}

#[test]
fn groups_that_have_nothing_to_do_with_each_other_are_spread() {
    let services = [
        ("a", service()),
        ("b", after(service(), &[("d", Condition::Started)])),
        ("c", service()),
        ("d", service()),
    ];
    let release = sample::release(&services, &["one", "two"]);
    assert_eq!(words(&release), "one: a-1 c-1; two: b-1 d-1");
}

#[test]
fn a_new_service_without_data_moves_nobody_that_has_some() {
    let mut data = service();
    data.mounts.push(crate::domain::cluster::Mount {
        source: MountSource::Volume("data".parse().unwrap()),
        target: "/d".to_owned(),
        read_only: false,
    });
    let before = sample::release(&[("m", data.clone())], &["one", "two"]);
    assert_eq!(words(&before), "one: m-1; two: ");
    let after = sample::release(&[("a", service()), ("m", data)], &["one", "two"]);
    assert_eq!(words(&after), "one: m-1; two: a-1");
}

#[test]
fn a_shared_volume_or_network_is_a_link_and_the_implicit_network_is_not() {
    let on = |network: &str| {
        let mut service = service();
        service
            .networks
            .insert(network.parse().unwrap(), BTreeSet::new());
        service
    };
    let shared = [
        ("a", on("back")),
        ("b", on("default")),
        ("c", on("back")),
        ("d", on("default")),
    ];
    let release = sample::release(&shared, &["one", "two", "three"]);
    assert_eq!(words(&release), "one: a-1 c-1; three: d-1; two: b-1");
}

#[test]
fn what_conflicts_goes_elsewhere() {
    let services = [("a", service()), ("b", service()), ("c", service())];
    let mut release = sample::release(&services, &["one", "two"]);
    assert_eq!(words(&release), "one: a-1 c-1; two: b-1");
    sample::apart(&mut release, "c", "a");
    assert_eq!(words(&release), "one: a-1; two: b-1 c-1");
    sample::apart(&mut release, "b", "c");
    assert_eq!(words(&release), "one: a-1 b-1; two: c-1");
    sample::apart(&mut release, "b", "a");
    let error = placed(&release).unwrap_err();
    assert_eq!(
        error.to_string(),
        "services of staging cannot be placed: a-1 and c-1 conflict, and both have no place but one"
    );
    assert_eq!(
        error.hints(),
        ["add hosts, or place a and c on groups of their own by `on`"]
    );
}

#[test]
fn who_came_first_makes_room_for_who_has_no_choice() {
    let services = [("a", service()), ("b", service())];
    let mut release = sample::release(&services, &["one", "two"]);
    sample::apart(&mut release, "a", "b");
    sample::on(&mut release, "b", "one");
    assert_eq!(words(&release), "one: b-1; two: a-1");
}

#[test]
fn what_conflicts_with_itself_is_one_per_host() {
    let mut release = sample::release(&[("a", service()), ("b", service())], &["one", "two"]);
    sample::place(&mut release, "b", Placement::Count(2));
    sample::apart(&mut release, "b", "b");
    assert_eq!(words(&release), "one: a-1 b-1; two: b-2");
    sample::place(&mut release, "b", Placement::Count(3));
    sample::apart(&mut release, "b", "b");
    let error = placed(&release).unwrap_err();
    assert_eq!(error.hints(), ["add hosts, or count fewer instances of b"]);
}

#[test]
fn what_is_beside_goes_where_the_other_goes() {
    let services = [("a", service()), ("b", service()), ("c", service())];
    let mut release = sample::release(&services, &["one", "two", "three"]);
    sample::beside(&mut release, "a", "c");
    assert_eq!(words(&release), "one: a-1 c-1; three: ; two: b-1");
    sample::place(&mut release, "c", Placement::Count(2));
    assert_eq!(words(&release), "one: a-1 b-1 c-1; three: ; two: a-2 c-2");
    // Who is beside brings its own dislikes.
    sample::apart(&mut release, "b", "a");
    assert_eq!(words(&release), "one: a-1 c-1; three: b-1; two: a-2 c-2");
}

#[test]
fn global_is_one_per_host_and_a_count_goes_round() {
    let mut release = sample::release(&[("a", service()), ("b", service())], &["z", "y"]);
    sample::place(&mut release, "a", Placement::Global);
    sample::place(&mut release, "b", Placement::Count(3));
    assert_eq!(words(&release), "y: a-2 b-2; z: a-1 b-1 b-3");
}

#[test]
fn a_group_goes_where_what_it_needs_is() {
    let services = [
        ("api", service()),
        ("web", after(service(), &[("api", Condition::Started)])),
    ];
    let mut release = sample::release(&services, &["one", "two"]);
    sample::place(&mut release, "api", Placement::Count(0));
    assert!(placed(&release).is_err());
    sample::place(&mut release, "api", Placement::Global);
    assert_eq!(words(&release), "one: api-1 web-1; two: api-2");
}

#[test]
fn who_needs_a_service_on_another_host_is_told_both_and_the_way_out() {
    let services = [
        ("db", service()),
        ("web", after(service(), &[("db", Condition::Started)])),
    ];
    let mut release = sample::release(&services, &["one", "two"]);
    sample::place(&mut release, "web", Placement::Global);
    let error = placed(&release).unwrap_err();
    assert_eq!(
        error.to_string(),
        "services of staging cannot be placed: web on two needs db, which does not run there"
    );
    assert_eq!(
        error.hints(),
        [
            "place both alike (`place: {db: {mode: global}}`), or take web out of `place`: services are linked within a host"
        ]
    );
}

#[test]
fn a_one_shot_serves_every_host_from_one() {
    let migrate = Service {
        one_shot: true,
        ..service()
    };
    let web = after(service(), &[("migrate", Condition::Completed)]);
    let mut release = sample::release(&[("migrate", migrate), ("web", web)], &["one", "two"]);
    sample::place(&mut release, "web", Placement::Global);
    assert_eq!(words(&release), "one: migrate-1 web-1; two: web-2");
    sample::place(&mut release, "migrate", Placement::Global);
    let problems = placed(&release).unwrap_err().problems;
    assert_eq!(
        problems,
        [Problem::OneShotMany {
            service: "migrate".parse().unwrap()
        }]
    );
}

#[test]
fn instances_of_one_host_publish_different_ports() {
    let web = Service {
        ports: vec![port(80)],
        ..service()
    };
    let mut release = sample::release(&[("web", web)], &["one", "two"]);
    sample::place(&mut release, "web", Placement::Count(3));
    assert_eq!(
        placed(&release).unwrap_err().to_string(),
        "services of staging cannot be placed: web-1 and web-3 on one both publish port 80/tcp"
    );
    sample::place(&mut release, "web", Placement::Count(2));
    assert!(placed(&release).is_ok());
}

#[test]
fn several_problems_are_told_at_once() {
    let mut release = sample::guestbook();
    sample::place(&mut release, "db", Placement::Count(2));
    sample::place(&mut release, "migrate", Placement::Count(2));
    assert!(placed(&release).unwrap_err().problems.len() >= 2);
    let none = sample::release(&[("a", service())], &[]);
    assert_eq!(placed(&none).unwrap_err().problems, [Problem::NoHosts]);
}

proptest! {
    #[test]
    fn every_service_is_somewhere_and_beside_what_it_needs(
        edges in prop::collection::btree_set((0..8_usize, 0..8_usize), 0..10), hosts in 1..4_usize
    ) {
        let name = |number: usize| format!("s{number}");
        let services: Vec<_> = (0..8).map(|number| {
            let needed: Vec<String> = edges.iter().filter(|(from, to)| *from == number && to < from).map(|(_, to)| name(*to)).collect();
            let needed: Vec<_> = needed.iter().map(|name| (name.as_str(), Condition::Started)).collect();
            (name(number), after(service(), &needed))
        }).collect();
        let services: Vec<_> = services.iter().map(|(name, service)| (name.as_str(), service.clone())).collect();
        let hosts = &["h1", "h2", "h3"][..hosts];
        let placed = placed(&sample::release(&services, hosts)).unwrap();
        prop_assert_eq!(placed.values().map(BTreeSet::len).sum::<usize>(), 8);
    }
}

#[test]
fn a_service_runs_on_its_group_of_hosts() {
    let services = [("a", service()), ("b", service()), ("c", service())];
    let mut release = sample::release(&services, &["one", "two", "three"]);
    let environment = sample::environment(&mut release);
    for (host, group) in [(1, "web"), (2, "web"), (0, "db")] {
        environment.hosts[host].groups.insert(group.to_owned());
    }
    sample::place(&mut release, "a", Placement::Global);
    sample::place(&mut release, "b", Placement::Count(1));
    let environment = sample::environment(&mut release);
    for (name, group) in [("a", "web"), ("b", "db")] {
        let place = environment
            .place
            .get_mut(&name.parse::<ServiceName>().unwrap())
            .unwrap();
        place.on = Some(group.to_owned());
    }
    assert_eq!(words(&release), "one: b-1; three: a-2; two: a-1 c-1");
}
