//! What a reboot makes of a host. These tests take turns on a host of their own.

use longshore::domain::invocation::switch::BackTo;
use tokio::sync::Mutex;

use crate::support::{Site, fragile, reboot};

static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_goes_back_from_what_nobody_confirmed() {
    let _turn = TURN.lock().await;
    let mut site = Site::on(fragile(), "boot").await;
    let first = site.tree(&[("web", "1"), ("old", "1")]);
    let first_id = site.deploy(&first, 1).await;

    reboot();
    site.reconnect().await;
    site.settled(&first).await;

    let second = site.tree(&[("web", "2"), ("new", "1")]);
    let second_id = site.stage(&second).await;
    site.apply(&second_id, 2).await.unwrap();
    reboot();
    site.reconnect().await;
    site.settled(&first).await;
    assert!(site.confirm(&second_id, 2).await.is_err());
    let audit = site
        .root(&format!(
            "cut -f2-3 {}/audit | tail -1",
            site.scope.folder()
        ))
        .await;
    assert_eq!(audit, format!("boot-back\t{first_id}"));

    site.deploy(&second, 3).await;
    reboot();
    site.reconnect().await;
    site.settled(&second).await;
    assert_eq!(site.inventory().await.previous, Some(first_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_restores_files_and_leaves_nothing_of_deployment_zero() {
    let _turn = TURN.lock().await;
    let mut site = Site::on(fragile(), "zero").await;
    let tree = site.tree(&[("web", "1")]);
    let id = site.stage(&tree).await;
    site.apply(&id, 1).await.unwrap();
    reboot();
    site.reconnect().await;
    let after = site.inventory().await;
    assert_eq!(
        (after.current, after.pending, after.units.len()),
        (None, None, 0)
    );

    site.deploy(&tree, 2).await;
    site.root("rm /etc/systemd/system/zero-t-web-1.service; echo '# torn' > /etc/systemd/system/zero-t.target").await;
    reboot();
    site.reconnect().await;
    site.settled(&tree).await;
    site.revert(BackTo::Nothing, 2).await.unwrap();
    reboot();
    site.reconnect().await;
    assert_eq!(site.inventory().await.units.len(), 0);
}
