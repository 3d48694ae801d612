//! `longshore gc`

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use crate::domain::failure::Kind;
use crate::pipeline::prune::prune;
use crate::pipeline::reap::{Reach, Reaped, reap};
use crate::system::engine::Engine;
use crate::system::store::Place;

/// Arguments of `longshore gc`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// Removes what killed runs left on the engine, what `--keep` left, and images of earlier builds that no release has.
///
/// # Errors
///
/// If no engine answers, or something cannot be removed.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let context = &context.query();
    let engine = Engine::connect().await?;
    let reach = if arguments.dry_run {
        Reach::DryRun
    } else {
        Reach::Everything
    };
    let ledger = Place::of(context.ledger.as_deref())?.ledger;
    let reaped = context
        .show(async |events| {
            let mut reaped = reap(&engine, &events, reach).await?;
            let images = prune(&engine, &events, &ledger, arguments.dry_run).await?;
            reaped.removed.extend(images);
            Ok(reaped)
        })
        .await?;
    if context.output.json() {
        context.output.object(&reaped);
    } else {
        context.output.result(text(&reaped, arguments.dry_run));
    }
    if reaped.failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::told(Kind::Failed))
    }
}

fn text(reaped: &Reaped, dry_run: bool) -> String {
    let Reaped {
        removed,
        unclear,
        failed,
    } = reaped;
    let verb = if dry_run { "would remove" } else { "removed" };
    let lines = removed.iter().map(|what| format!("{verb} {what}\n"));
    let left = unclear
        .iter()
        .map(|what| format!("left {what}: its run is of another machine or container\n"));
    let failed = failed.iter().map(|why| format!("{why}\n"));
    let text: String = lines.chain(left).chain(failed).collect();
    if text.is_empty() {
        "nothing to remove\n".to_owned()
    } else {
        text
    }
}
