//! Whether a run lives, as others see it who share the engine and not the machine.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore::domain::ledger::Timestamp;
use longshore::pipeline::Events;
use longshore::pipeline::lease::holding;
use longshore::system::clock;
use longshore::system::engine::{NetworkSpec, Run};

use crate::stack::{Stack, on_engine, sweeping};

/// Returns the labels of a run on another machine.
fn elsewhere(stack: &Stack, until: i64) -> BTreeMap<String, String> {
    let run = Run::begin(&stack.name.parse().unwrap(), Timestamp(0));
    let mut labels = run.labels_until(Timestamp(until));
    labels.insert(
        Run::OWNER.to_owned(),
        "elsewhere/boot/pid:[1]/7/7".to_owned(),
    );
    labels
}

#[test]
fn what_another_machine_left_goes_when_its_lease_has_passed() {
    let stack = Stack::new("leases", "  test: {image: NAME-base, command: ['true']}\n");
    let now = clock::now().0;
    let make = |name: &str, labels: &BTreeMap<String, String>| {
        let name = format!("{}-{name}", stack.name);
        on_engine(async |engine| engine.create_volume(&name, labels).await.unwrap());
    };
    let (dead, living, renewed) = (
        elsewhere(&stack, now - 60),
        elsewhere(&stack, now + 600),
        elsewhere(&stack, now - 60),
    );
    let mut marker = renewed.clone();
    marker.insert(Run::UNTIL.to_owned(), (now + 600).to_string());
    let mut without = dead.clone();
    without.insert(Run::RUN.to_owned(), "0123456789ab".to_owned());
    without.remove(Run::UNTIL);
    for (name, labels) in [
        ("dead", &dead),
        ("living", &living),
        ("renewed", &renewed),
        ("marker", &marker),
        ("without", &without),
    ] {
        make(name, labels);
    }
    let gc = stack.gc().expect(0);
    gc.says(&format!("removed volume {}-dead", stack.name))
        .says(&format!("left volume {}-without", stack.name));
    let names: Vec<_> = stack.left().into_iter().map(|left| left.name).collect();
    let is_left = |name: &str| names.iter().any(|left| left.ends_with(name));
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(is_left("-living") && is_left("-renewed") && is_left("-marker"));
    on_engine(async |engine| {
        for left in engine
            .leftovers(&[(Run::CLUSTER, &stack.name)])
            .await
            .unwrap()
        {
            engine.remove(&left).await.unwrap();
        }
    });
}

#[test]
fn a_lease_is_renewed_as_long_as_the_run_lives() {
    let stack = Stack::new("renewed", "  test: {image: NAME-base}\n");
    on_engine(async |engine| {
        let run = Run::begin(&stack.name.parse().unwrap(), engine.now());
        let cluster = [(Run::CLUSTER, stack.name.as_str())];
        let deadlines = async || {
            let left = engine.leftovers(&cluster).await.unwrap();
            left.iter()
                .filter_map(|left| left.until)
                .collect::<Vec<_>>()
        };
        let (every, events) = (Duration::from_millis(1200), Events::unheard());
        holding(([engine], &events), &run, every, async {
            assert_eq!(deadlines().await, []);
            tokio::time::sleep(Duration::from_secs(2)).await;
            let [first] = deadlines().await[..] else {
                panic!("one marker");
            };
            assert!(first.0 >= engine.now().0 + Run::LEASE - 3);
            tokio::time::sleep(Duration::from_secs(3)).await;
            let later = deadlines().await;
            assert!(later.iter().all(|later| *later > first), "{later:?}");
        })
        .await;
        assert_eq!(deadlines().await, []);
    });
}

#[test]
fn what_several_clear_away_at_once_is_no_error_for_any() {
    let stack = Stack::new(
        "together",
        "  test: {image: NAME-base, command: ['true']}\n",
    );
    let labels = elsewhere(&stack, 0);
    on_engine(async |engine| {
        for number in 0..5 {
            let name = format!("{}-{number}", stack.name);
            engine.create_volume(&name, &labels).await.unwrap();
            let network = NetworkSpec {
                name,
                internal: false,
                subnet: Some(format!("198.19.{}.0/28", 200 + number)),
                labels: labels.clone(),
            };
            engine.create_network(&network).await.unwrap();
        }
    });
    let _sweeping = sweeping();
    let children: Vec<_> = (0..4).map(|_| stack.start(&["gc"])).collect();
    for child in children {
        child.wait().expect(0);
    }
    assert_eq!(stack.left(), []);
}
