//! The `switch` script, from every state that a host may be in.

use std::time::Duration;

use longshore::domain::invocation::answer::{Refusal, Unanswered};
use longshore::domain::invocation::switch::{self, BackTo};

use longshore::system::ssh::{Remote, SshError};

use crate::support::{Site, Verdict, connect, script};

fn refusal(verdict: Verdict) -> Refusal {
    match verdict {
        Err(Unanswered::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn went_back(verdict: Verdict) -> Vec<String> {
    match verdict {
        Err(Unanswered::WentBack { units, .. }) => units,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_host_comes_to_run_a_deployment() {
    let site = Site::new("bare").await;
    let bare = site.inventory().await;
    assert_eq!(
        (bare.current.as_ref(), bare.fence, bare.units.len()),
        (None, 0, 0)
    );
    assert!(
        bare.facts.engine_free_kb > 0
            && bare.facts.state_free_kb > 0
            && bare.facts.clock > 1_700_000_000,
        "{:?}",
        bare.facts
    );
    assert!(
        !bare.facts.systemd.is_empty()
            && !bare.facts.engine.is_empty()
            && !bare.facts.os.is_empty(),
        "{:?}",
        bare.facts
    );
    assert_eq!(bare.facts.ports["tcp/22"], "sshd");

    let tree = site.tree(&[("web", "1"), ("db", "1")]);
    let id = site.stage(&tree).await;
    let staged = site.inventory().await;
    assert_eq!(
        (staged.current, staged.kept.as_slice(), staged.units.len()),
        (None, &[id.clone()][..], 0)
    );

    site.apply(&id, 3).await.unwrap();
    let status = site.status().await;
    let pending = status.pending.unwrap();
    assert_eq!(
        (&pending.to, pending.back, pending.guarded),
        (&id, None, true)
    );
    assert!(
        (50..=60).contains(&pending.seconds_left),
        "{pending:?}",
        pending = pending.seconds_left
    );

    site.confirm(&id, 3).await.unwrap();
    site.confirm(&id, 3).await.unwrap();
    site.settled(&tree).await;
    let after = site.inventory().await;
    assert_eq!(
        (
            after.fence,
            after.previous,
            after.manifest["commit"].as_str()
        ),
        (3, None, "c0ffee")
    );
    let audit = site
        .root(&format!("cut -f2-4 {}/audit", site.scope.folder()))
        .await;
    assert_eq!(
        audit,
        format!("stage\t{id}\t-\napply\t{id}\t3\nconfirm\t{id}\t3")
    );
    assert_eq!(
        site.root("systemctl is-enabled bare-t-boot.service").await,
        "enabled"
    );
    assert_eq!(
        site.root("systemctl is-active bare-t-guard.service").await,
        "inactive"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_restarted() {
    let site = Site::new("change").await;
    let first = site.tree(&[("web", "1"), ("db", "1"), ("old", "1")]);
    let id = site.deploy(&first, 1).await;
    let before = site.containers().await;

    site.apply(&id, 2).await.unwrap();
    site.confirm(&id, 2).await.unwrap();
    assert_eq!(
        site.containers().await,
        before,
        "a switch to what runs already restarts nothing"
    );

    let second = site.tree(&[("web", "2"), ("db", "1"), ("new", "1")]);
    let second_id = site.deploy(&second, 3).await;
    let after = site.containers().await;
    assert_eq!(before["change-t-db-1"], after["change-t-db-1"]);
    assert_ne!(before["change-t-web-1"], after["change-t-web-1"]);
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        ["change-t-db-1", "change-t-new-1", "change-t-web-1"]
    );
    let inventory = site.inventory().await;
    assert_eq!(
        (inventory.previous.as_ref(), inventory.kept.as_slice()),
        (Some(&id), &[second_id, id.clone()][..])
    );

    // Back to the first is a switch like any other.
    site.apply(&id, 4).await.unwrap();
    site.confirm(&id, 4).await.unwrap();
    site.settled(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_network_restarts_what_is_on_it() {
    let site = Site::new("net").await;
    site.deploy(&site.tree_with(&[("web", "1"), ("db", "1")], &[], "a"), 1)
        .await;
    let before = site.containers().await;
    site.deploy(&site.tree_with(&[("web", "1"), ("db", "1")], &[], "b"), 2)
        .await;
    let after = site.containers().await;
    assert!(
        before
            .values()
            .all(|id| !after.values().any(|other| other == id)),
        "{before:?} {after:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_to_what_ran_before() {
    let site = Site::new("revert").await;
    let first = site.tree(&[("web", "1"), ("db", "1")]);
    let first_id = site.deploy(&first, 1).await;
    let second = site.tree(&[("web", "2"), ("db", "1"), ("new", "1")]);
    let second_id = site.stage(&second).await;
    site.apply(&second_id, 2).await.unwrap();
    site.revert(BackTo::Before, 2).await.unwrap();
    site.settled(&first).await;
    assert!(
        matches!(refusal(site.confirm(&second_id, 2).await), Refusal::Late { current } if current == first_id.as_str())
    );

    // A confirmed one is taken back by its id.
    site.deploy(&second, 3).await;
    site.revert(BackTo::Deployment(&first_id), 3).await.unwrap();
    site.settled(&first).await;
    site.revert(BackTo::Nothing, 3).await.unwrap();
    let nothing = site.inventory().await;
    assert_eq!(
        (nothing.current, nothing.units.len(), nothing.pending),
        (None, 0, None)
    );
    assert!(site.containers().await.is_empty());
    assert_eq!(
        site.root("ls /etc/systemd/system/multi-user.target.wants | grep revert-t")
            .await,
        ""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_goes_back_unless_it_hears() {
    let site = Site::new("guard").await;
    let first = site.tree(&[("web", "1")]);
    site.deploy(&first, 1).await;
    let second = site.tree(&[("web", "2")]);
    let id = site.stage(&second).await;
    let mut apply = site.applying(&id, 2);
    apply.guard = Duration::from_secs(3);
    site.verb(switch::apply(&apply)).await.unwrap();
    // Held off for longer than it would have waited.
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        site.verb(switch::status(
            &site.scope,
            Some((Duration::from_secs(3), 2)),
        ))
        .await
        .unwrap();
    }
    assert_eq!(site.status().await.current, Some(id.clone()));
    tokio::time::sleep(Duration::from_secs(4)).await;
    site.settled(&first).await;
    assert!(matches!(
        refusal(site.confirm(&id, 2).await),
        Refusal::Late { .. }
    ));
    let late = site
        .verb(switch::status(
            &site.scope,
            Some((Duration::from_secs(3), 2)),
        ))
        .await;
    assert!(matches!(refusal(late), Refusal::Late { .. }));
    assert!(
        site.root(&format!("cut -f2 {}/audit", site.scope.folder()))
            .await
            .contains("guard")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_overtaken_changes_nothing() {
    let site = Site::new("fence").await;
    let first = site.tree(&[("web", "1")]);
    let first_id = site.deploy(&first, 5).await;
    let id = site.stage(&site.tree(&[("web", "2")])).await;
    for verdict in [
        site.apply(&id, 4).await,
        site.confirm(&first_id, 4).await,
        site.revert(BackTo::Nothing, 4).await,
        site.verb(switch::status(
            &site.scope,
            Some((Duration::from_secs(9), 4)),
        ))
        .await,
        site.verb(switch::prune(&site.scope, 4, 0)).await,
    ] {
        assert_eq!(refusal(verdict), Refusal::Overtaken { fence: 5 });
    }
    site.settled(&first).await;
    // A suspended owner that wakes up after another rollout began.
    site.apply(&id, 6).await.unwrap();
    let third = site.stage(&site.tree(&[("web", "3")])).await;
    site.apply(&third, 7).await.unwrap();
    assert_eq!(
        refusal(site.confirm(&id, 6).await),
        Refusal::Overtaken { fence: 7 }
    );
    assert_eq!(site.status().await.pending.unwrap().back, Some(first_id));
    site.revert(BackTo::Before, 7).await.unwrap();
    site.settled(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_does_not_start_takes_the_switch_back() {
    let site = Site::new("fail").await;
    let first = site.tree(&[("web", "1"), ("gone", "1")]);
    site.deploy(&first, 1).await;
    let before = site.containers().await;
    let second = site.tree(&[
        (
            "web",
            "!ExecStartPre=/bin/sh -c 'echo it is broken; exit 3'",
        ),
        ("new", "1"),
    ]);
    let id = site.stage(&second).await;
    let mut lines = Vec::new();
    let request =
        longshore::system::ssh::Request::new(switch::apply(&site.applying(&id, 2))).as_root();
    let done = longshore::system::ssh::Remote::run(&site.connection, request, &mut |_, line| {
        lines.push(line.to_owned())
    })
    .await
    .unwrap();
    let verdict = longshore::domain::invocation::answer::answer(&done.stdout, &done.stderr);
    assert_eq!(went_back(verdict), ["fail-t-web-1.service"], "{lines:#?}");
    assert!(
        lines.contains(&"log\tfail-t-web-1.service\tit is broken".to_owned()),
        "{lines:#?}"
    );
    site.settled(&first).await;
    let after = site.containers().await;
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    assert_eq!(
        site.root("systemctl is-active fail-t-guard.service").await,
        "inactive"
    );
    // The same again is no different.
    assert_eq!(
        went_back(site.apply(&id, 3).await),
        ["fail-t-web-1.service"]
    );
    site.settled(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_shot_runs_once_per_deployment_and_before_anything_else() {
    let site = Site::new("once").await;
    let count = "echo ran >> /run/longshore/once-t/count";
    let first = site.tree_with(&[("web", "1")], &[("migrate", count)], "");
    let id = site.deploy(&first, 1).await;
    site.apply(&id, 2).await.unwrap();
    site.confirm(&id, 2).await.unwrap();
    assert_eq!(site.root("cat /run/longshore/once-t/count").await, "ran");
    assert_eq!(
        site.root(&format!("ls {}/deployments/{id}/done", site.scope.folder()))
            .await,
        "once-t-migrate-1.service"
    );
    let before = site.containers().await;

    // It sees the old container run, and the old unit's text, as long as it has not succeeded.
    let bad = site.tree_with(&[("web", "2")], &[("migrate", "docker inspect -f \"{{.Config.Env}}\" once-t-web-1 > /run/longshore/once-t/saw; grep -o WORD=. /etc/systemd/system/once-t-web-1.service >> /run/longshore/once-t/saw; exit 9")], "");
    let bad_id = site.stage(&bad).await;
    assert_eq!(
        went_back(site.apply(&bad_id, 3).await),
        ["once-t-migrate-1.service"]
    );
    site.settled(&first).await;
    assert_eq!(
        site.containers().await,
        before,
        "a failed one-shot leaves everything running"
    );
    let saw = site.root("cat /run/longshore/once-t/saw").await;
    assert!(
        saw.starts_with("[WORD=1") && saw.ends_with("\nWORD=1"),
        "{saw}"
    );

    let next = site.tree_with(&[("web", "3")], &[("migrate", count)], "");
    site.deploy(&next, 4).await;
    assert_eq!(
        site.root("cat /run/longshore/once-t/count").await,
        "ran\nran"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_shot_that_hangs_is_ended_by_the_guard() {
    let site = Site::new("hang").await;
    let first = site.tree(&[("web", "1")]);
    site.deploy(&first, 1).await;
    let before = site.containers().await;
    let id = site
        .stage(&site.tree_with(&[("web", "2")], &[("migrate", "exec sleep 1000")], ""))
        .await;
    let mut apply = site.applying(&id, 2);
    apply.guard = Duration::from_secs(3);
    let verdict = site.verb(switch::apply(&apply)).await;
    assert!(
        matches!(verdict, Err(Unanswered::Nothing { .. })),
        "{verdict:?}"
    );
    site.settled(&first).await;
    assert_eq!(site.containers().await, before);
    assert_eq!(
        site.root("systemctl is-active hang-t-migrate-1.service")
            .await,
        "inactive"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_changed_is_not_written_over() {
    let site = Site::new("hand").await;
    let first = site.tree(&[("web", "1"), ("db", "1")]);
    site.deploy(&first, 1).await;
    site.root("echo '# mine' >> /etc/systemd/system/hand-t-web-1.service; printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/hand-t-new-1.service; systemctl daemon-reload").await;
    let inventory = site.inventory().await;
    let web = &inventory.units[&"hand-t-web-1.service".parse().unwrap()];
    assert!(!web.intact && inventory.units[&"hand-t-db-1.service".parse().unwrap()].intact);
    assert_eq!(
        inventory.foreign,
        ["hand-t-new-1.service".parse().unwrap()].into()
    );

    let second = site.tree(&[("web", "2"), ("db", "1"), ("new", "1")]);
    let id = site.stage(&second).await;
    let Refusal::ForeignUnits { units } = refusal(site.apply(&id, 2).await) else {
        panic!()
    };
    assert_eq!(units, ["hand-t-new-1.service", "hand-t-web-1.service"]);
    assert_eq!(site.status().await.pending, None);
    assert!(
        site.root("cat /etc/systemd/system/hand-t-web-1.service")
            .await
            .contains("# mine")
    );

    let mut adopting = site.applying(&id, 3);
    adopting.adopt = true;
    site.verb(switch::apply(&adopting)).await.unwrap();
    site.confirm(&id, 3).await.unwrap();
    site.settled(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copes_with_units_in_any_state() {
    let site = Site::new("state").await;
    let first = site.tree(&[("web", "1"), ("db", "1"), ("api", "1")]);
    let first_id = site.deploy(&first, 1).await;
    let second = site.tree(&[("web", "1"), ("db", "1"), ("api", "2")]);
    let id = site.stage(&second).await;

    site.root(
        "ln -sf /dev/null /etc/systemd/system/state-t-web-1.service; systemctl daemon-reload",
    )
    .await;
    assert_eq!(
        refusal(site.apply(&id, 2).await),
        Refusal::Masked {
            units: vec!["state-t-web-1.service".to_owned()]
        }
    );
    site.root("systemctl unmask state-t-web-1.service").await;

    // Failed, stopped, killed behind systemd's back, and its file gone while it runs.
    site.root("systemctl stop state-t-db-1; docker rm -f state-t-api-1; rm /etc/systemd/system/state-t-api-1.service; systemctl daemon-reload; \
        systemctl kill -s KILL state-t-web-1; systemctl stop state-t-network; docker network rm state-t; true").await;
    site.apply(&id, 3).await.unwrap();
    site.confirm(&id, 3).await.unwrap();
    site.settled(&second).await;

    // A container that took a name: one of ours is in the way of nothing, another's is.
    site.root("systemctl stop state-t-web-1; docker run -d --name state-t-web-1 longshore-test-sleep /bin/sleep infinity").await;
    assert_eq!(
        refusal(site.apply(&first_id, 4).await),
        Refusal::ForeignContainers {
            containers: vec!["state-t-web-1".to_owned()]
        }
    );
    site.root("docker rm -f state-t-web-1; docker run -d --name state-t-web-1 --label dev.longshore.unit=00 longshore-test-sleep /bin/sleep infinity").await;
    site.apply(&first_id, 5).await.unwrap();
    site.confirm(&first_id, 5).await.unwrap();
    site.settled(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_could_not_be_gone_through_with() {
    let site = Site::new("check").await;
    let tree = site.tree(&[("web", "1")]);
    let id = tree.id();
    let tar = longshore::domain::invocation::archive(&tree, &[].into(), &[].into()).unwrap();
    // Nothing is there yet, not even the script.
    assert!(matches!(
        site.apply(&id, 1).await,
        Err(Unanswered::Nothing { .. })
    ));
    let cut = switch::stage(&site.scope, &id, tar[..tar.len() / 2].to_vec());
    assert!(matches!(
        site.verb(cut).await,
        Err(Unanswered::NotStaged { .. })
    ));
    assert_eq!(
        site.root(&format!("ls -A {}", site.scope.folder())).await,
        ""
    );

    let other = site.stage(&site.tree(&[("web", "9")])).await;
    assert_eq!(
        refusal(site.apply(&id, 1).await),
        Refusal::NotStaged {
            deployment: id.to_string()
        }
    );
    let mut lacking = site.tree(&[("web", "1")]);
    let absent = longshore::domain::name::Digest::of("absent");
    lacking.images.insert(
        "web".parse().unwrap(),
        longshore::domain::ledger::ImageIdentity {
            config: absent,
            layers: Vec::new(),
        },
    );
    let lacking = site.stage(&lacking).await;
    assert_eq!(
        refusal(site.apply(&lacking, 1).await),
        Refusal::ImageMissing {
            reference: format!("longshore.local/web:{}", absent.hex())
        }
    );
    site.apply(&other, 1).await.unwrap();
    site.confirm(&other, 1).await.unwrap();
    let mut moved = site.tree(&[("web", "1")]);
    moved.origin = "/srv/another".to_owned();
    let moved = site.stage(&moved).await;
    assert_eq!(
        refusal(site.apply(&moved, 2).await),
        Refusal::OtherOrigin {
            origin: "/srv/test".to_owned()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_what_runs_alone() {
    let site = Site::new("full").await;
    let s = site.scope.folder();
    site.root(&format!(
        "mkdir -p {s}; mount -t tmpfs -o size=600k tmpfs {s}"
    ))
    .await;
    let first = site.tree(&[("web", "1")]);
    site.deploy(&first, 1).await;
    let mut second = site.tree(&[("web", "2")]);
    let content = vec![b'x'; 2_000_000];
    let digest = longshore::domain::name::Digest::of(&content);
    second.assets.insert(
        digest,
        [(
            "big".into(),
            longshore::domain::ledger::Asset {
                digest,
                mode: 0o644,
            },
        )]
        .into(),
    );
    let tar =
        longshore::domain::invocation::archive(&second, &[(digest, content)].into(), &[].into())
            .unwrap();
    let verdict = site
        .verb(switch::stage(&site.scope, &second.id(), tar))
        .await;
    assert_eq!(
        verdict,
        Err(Unanswered::NotStaged {
            reason: "disk".to_owned()
        })
    );
    assert_eq!(
        site.root(&format!(
            "ls -A {s} | grep incoming; ls {s}/deployments | wc -l"
        ))
        .await,
        "1"
    );
    // Staged before the disk filled up: nothing can be noted, so nothing is begun.
    let third = site.stage(&site.tree(&[("web", "3")])).await;
    site.root(&format!("head -c 10000000 /dev/zero > {s}/filler"))
        .await;
    assert_eq!(refusal(site.apply(&third, 2).await), Refusal::NoRoom);
    site.settled(&first).await;
    site.root(&format!("rm {s}/filler")).await;
    site.apply(&third, 3).await.unwrap();
    site.wipe().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_come_along_and_are_kept_as_long_as_needed() {
    let site = Site::new("asset").await;
    let digest = |text: &str| longshore::domain::name::Digest::of(text);
    let (file, folder) = (digest("file"), digest("folder"));
    let mut tree = site.tree(&[("web", "1")]);
    let asset = |text: &str, mode| longshore::domain::ledger::Asset {
        digest: digest(text),
        mode,
    };
    tree.assets
        .insert(file, [("".into(), asset("file", 0o644))].into());
    tree.assets.insert(
        folder,
        [
            ("bin/run".into(), asset("run", 0o755)),
            ("etc/conf".into(), asset("conf", 0o644)),
        ]
        .into(),
    );
    let contents = ["file", "run", "conf"]
        .map(|text| (digest(text), text.as_bytes().to_vec()))
        .into();
    let tar = longshore::domain::invocation::archive(&tree, &contents, &[].into()).unwrap();
    site.verb(switch::stage(&site.scope, &tree.id(), tar))
        .await
        .unwrap();
    let found = site
        .root(&format!(
            "cd {}/assets; find . -type f -printf '%P %m %U\\n' | sort; cat {}",
            site.scope.folder(),
            file.hex()
        ))
        .await;
    let mut expected = [
        format!("{} 644 0", file.hex()),
        format!("{}/bin/run 755 0", folder.hex()),
        format!("{}/etc/conf 644 0", folder.hex()),
    ];
    expected.sort();
    assert_eq!(found, format!("{}\nfile", expected.join("\n")));
    let present = site.inventory().await.assets;
    assert_eq!(present, [file, folder].into());
    // What is there is not sent again, and a deployment without its assets is refused.
    let second = longshore::domain::invocation::archive(&tree, &[].into(), &present).unwrap();
    site.verb(switch::stage(&site.scope, &tree.id(), second))
        .await
        .unwrap();
    site.apply(&tree.id(), 1).await.unwrap();
    site.confirm(&tree.id(), 1).await.unwrap();

    let mut kept = vec![tree.id()];
    for word in ["2", "3", "4"] {
        kept.push(site.deploy(&site.tree(&[("web", word)]), 2).await);
    }
    site.root(&format!(
        "docker tag longshore-test-sleep longshore.local/asset:{}",
        "0".repeat(64)
    ))
    .await;
    site.verb(switch::prune(&site.scope, 3, 2)).await.unwrap();
    let after = site.inventory().await;
    assert_eq!(after.kept, [kept[3].clone(), kept[2].clone()]);
    assert!(after.assets.is_empty(), "{:?}", after.assets);
    assert!(!after.images.is_empty(), "the image is still needed");
    site.root(&format!(
        "docker rmi longshore.local/asset:{}",
        "0".repeat(64)
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_instant_the_host_goes_back() {
    let site = Site::new("kill").await;
    let first = site.tree(&[("web", "1"), ("db", "1"), ("old", "1")]);
    site.deploy(&first, 1).await;
    let second = site.tree(&[("web", "2"), ("db", "1"), ("new", "1")]);
    let id = site.stage(&second).await;
    let mut cut_short = 0;
    for round in 0..12_u32 {
        let token = 2 + u64::from(round);
        let mut apply = site.applying(&id, token);
        apply.guard = Duration::from_secs(1);
        // Both on the host, so that the instants do not depend on the way there.
        let said = site
            .root(&format!(
                "{{ {} | grep end; }} & sleep {:.3}; systemctl kill -s KILL 'longshore-switch:kill-t:*'; wait",
                switch::apply(&apply).shell_line(),
                0.02 * 1.4_f64.powi(round.try_into().unwrap()),
            ))
            .await;
        cut_short += u32::from(said.is_empty());
        // The guard has it now, whether apply was done or not: nobody confirms.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        site.settled(&first).await;
    }
    assert!(cut_short >= 4, "only {cut_short} were killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_does_not_stop_a_switch() {
    let site = Site::new("cut").await;
    let first = site.tree(&[("web", "1")]);
    site.deploy(&first, 1).await;
    let second = site.tree(&[("web", "!ExecStartPre=/bin/sleep 3"), ("new", "1")]);
    let id = site.stage(&second).await;
    // sshd's end of the connection is killed in the middle of a start.
    let line = switch::apply(&site.applying(&id, 2)).shell_line();
    let cut = script(&format!("(sleep 1; kill -KILL $PPID) & sudo -n {line}"));
    let lost = connect().await.run(cut, &mut |_, _| {}).await;
    assert!(matches!(lost, Err(SshError::Lost { .. })), "{lost:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let status = site.status().await;
    assert_eq!(status.current, Some(id.clone()));
    assert!(status.pending.unwrap().guarded);
    site.confirm(&id, 2).await.unwrap();
    site.settled(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_revert_is_finished_by_the_guard() {
    let site = Site::new("rekill").await;
    let first = site.tree(&[("web", "1"), ("old", "1")]);
    let first_id = site.deploy(&first, 1).await;
    let second = site.tree(&[("web", "2"), ("new", "1")]);
    site.deploy(&second, 2).await;
    // Once the way back is written, and long before it is gone.
    let killer = site.root(
        "timeout 60 sh -c 'until [ -e /var/lib/longshore/rekill-t/pending ]; do sleep 0.01; done'; sleep 0.1; \
         systemctl kill -s KILL 'longshore-switch:rekill-t:*'; echo 0 > /run/longshore/rekill-t/deadline",
    );
    let (reverted, _) = tokio::join!(site.revert(BackTo::Deployment(&first_id), 2), killer);
    assert!(reverted.is_err(), "{reverted:?}");
    site.settled(&first).await;
    // The guard itself may be killed too.
    let id = site.stage(&second).await;
    site.apply(&id, 3).await.unwrap();
    site.root("echo 0 > /run/longshore/rekill-t/deadline; for n in 1 2 3; do systemctl kill -s KILL rekill-t-guard.service; sleep 0.3; done").await;
    site.settled(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_take_turns() {
    let site = Site::new("turns").await;
    let first = site.tree(&[("web", "1")]);
    let first_id = site.deploy(&first, 1).await;
    let (a, b) = (
        site.tree(&[("web", "2"), ("a", "1")]),
        site.tree(&[("web", "3"), ("b", "1")]),
    );
    let (a_id, b_id) = (site.stage(&a).await, site.stage(&b).await);
    let (one, two) = tokio::join!(site.apply(&a_id, 2), site.apply(&b_id, 3));
    two.unwrap();
    if let Err(error) = one {
        assert_eq!(error, Unanswered::Refused(Refusal::Overtaken { fence: 3 }));
    }
    let pending = site.status().await.pending.unwrap();
    assert_eq!((pending.to, pending.back), (b_id.clone(), Some(first_id)));
    site.confirm(&b_id, 3).await.unwrap();
    site.settled(&b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_has_one_owner() {
    let site = Site::new("lock").await;
    let lease = Duration::from_secs(60);
    let acquire = |owner: &'static str, lease, above| {
        site.verb(switch::acquire(&site.scope, owner, lease, above))
    };
    let token = acquire("ann", lease, 40).await.unwrap().token.unwrap();
    assert_eq!(token, 41);
    let Refusal::Held { owner, left, .. } = refusal(acquire("bob", lease, 0).await) else {
        panic!()
    };
    assert!(
        owner == "ann" && (50..=60).contains(&left),
        "{owner} {left}"
    );
    let lock = site.inventory().await.lock.unwrap();
    assert_eq!((lock.owner.as_str(), lock.token), ("ann", 41));
    site.verb(switch::renew(&site.scope, 41, Duration::from_secs(1)))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    // Over, and nobody took it: it can still be renewed.
    site.verb(switch::renew(&site.scope, 41, Duration::from_secs(1)))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(acquire("bob", lease, 0).await.unwrap().token, Some(42));
    assert!(matches!(
        refusal(site.verb(switch::renew(&site.scope, 41, lease)).await),
        Refusal::Held { .. }
    ));
    assert!(matches!(
        refusal(site.verb(switch::release(&site.scope, 41)).await),
        Refusal::Held { .. }
    ));
    let id = site.stage(&site.tree(&[("web", "1")])).await;
    assert_eq!(
        refusal(site.apply(&id, 41).await),
        Refusal::Overtaken { fence: 42 }
    );
    site.verb(switch::release(&site.scope, 42)).await.unwrap();
    assert_eq!(site.inventory().await.lock, None);
    assert_eq!(acquire("ann", lease, 0).await.unwrap().token, Some(43));
    site.verb(switch::break_lock(&site.scope, "bob"))
        .await
        .unwrap();
    assert_eq!(acquire("bob", lease, 0).await.unwrap().token, Some(44));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_scope_whose_name_begins_alike_is_left_alone() {
    let site = Site::new("pre").await;
    let longer = Site::new("pre-t").await;
    let theirs = longer.tree(&[("web", "1")]);
    longer.deploy(&theirs, 1).await;
    let ours = site.tree(&[("web", "1")]);
    site.deploy(&ours, 1).await;
    site.revert(BackTo::Nothing, 1).await.unwrap();
    longer.settled(&theirs).await;
    // A service of ours could have the name of a unit of theirs.
    let clash = site.tree(&[("t-web", "1")]);
    assert!(
        clash
            .units
            .iter()
            .any(|unit| theirs.units.iter().any(|other| other.name == unit.name))
    );
    let id = site.stage(&clash).await;
    let mut adopting = site.applying(&id, 2);
    adopting.adopt = true;
    assert_eq!(
        refusal(site.verb(switch::apply(&adopting)).await),
        Refusal::NameTaken {
            unit: "pre-t-t-web-1.service".to_owned()
        }
    );
}
