//! `longshore units`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::workshop::work;
use crate::domain::failure::Kind;
use crate::domain::name::{EnvironmentName, HostName};
use crate::domain::unit::{Listed, Tree};
use crate::pipeline::units::units;
use crate::system::folder::{self, Difference};

/// Arguments of `longshore units`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    #[arg(short, long, value_name = "ENV")]
    environment: EnvironmentName,
    /// Write them to DIR/HOST/ instead, and remove from there what is not rendered any more
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing; exit with 1 if DIR differs
    #[arg(long, requires = "out")]
    check: bool,
}

/// Renders the unit files of every host, with the images that are built.
///
/// # Errors
///
/// If an image is not built, the services cannot run as units, or the folder differs or cannot be written.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        environment,
        out,
        check,
    } = arguments;
    let project = context.project().await?;
    let trees = work(context, &project, async |tools| {
        Ok(units(&tools, &project, &environment).await?)
    });
    let trees = trees.await?;
    match out {
        None => print(context, &trees),
        Some(out) => {
            let mark = format!("\nScope={}-{environment}\n", project.cluster.name);
            keep(
                context,
                &context.directory().join(out),
                &trees,
                &mark,
                check,
            )?;
        }
    }
    Ok(())
}

fn print(context: &Context, trees: &BTreeMap<HostName, Tree>) {
    if context.output.json() {
        let units = |tree: &Tree| -> BTreeMap<_, _> {
            let unit = |unit: &Listed| (unit.name.clone(), unit.text.clone());
            tree.units.iter().map(unit).collect()
        };
        let hosts: BTreeMap<_, _> = trees
            .iter()
            .map(|(host, tree)| (host, units(tree)))
            .collect();
        context.output.finished(json!({ "hosts": hosts }));
        return;
    }
    let files = files(trees);
    let text = files
        .iter()
        .map(|(path, text)| format!("# {}\n{text}\n", path.display()));
    context.output.result(text.collect::<String>());
}

fn keep(
    context: &Context,
    folder: &Path,
    trees: &BTreeMap<HostName, Tree>,
    mark: &str,
    check: bool,
) -> Result<(), Failure> {
    let files = files(trees);
    let differences = folder::differences(folder, &files, mark)?;
    if !check {
        folder::write(folder, &files, &differences)?;
    }
    if context.output.json() {
        for (path, difference) in &differences {
            let difference = difference.to_string();
            let file = json!({ "event": "file", "path": path, "difference": difference });
            context.output.object(&file);
        }
        if !check || differences.is_empty() {
            context.output.finished(json!({ "files": files.len() }));
        }
    } else {
        let lines = differences.iter().map(|(path, difference)| {
            let told = match (check, difference) {
                (true, difference) => difference.to_string(),
                (false, Difference::Missing | Difference::Other) => "written".to_owned(),
                (false, Difference::Stale) => "removed".to_owned(),
            };
            format!("{} {told}\n", folder.join(path).display())
        });
        context.output.result(lines.collect::<String>());
    }
    if check && !differences.is_empty() {
        return Err(Failure::told(Kind::Failed));
    }
    Ok(())
}

fn files(trees: &BTreeMap<HostName, Tree>) -> BTreeMap<PathBuf, String> {
    let of = |(host, tree): (&HostName, &Tree)| {
        let folder = PathBuf::from(host.as_str());
        let file = move |unit: &Listed| (folder.join(unit.name.as_str()), unit.text.clone());
        tree.units.iter().map(file).collect::<Vec<_>>()
    };
    trees.iter().flat_map(of).collect()
}
