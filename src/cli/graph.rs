//! `longshore graph`

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::domain::graph::Graph;
use crate::domain::name::ServiceName;

/// Arguments of `longshore graph`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How it is drawn
    #[arg(long = "as", value_enum, default_value_t = Form::Tree, value_name = "FORM")]
    form: Form,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For terminals.
    Tree,
    /// For Graphviz.
    Dot,
    /// For Markdown pages.
    Mermaid,
}

/// Prints the dependency graph.
///
/// # Errors
///
/// Every problem of the definition.
pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let read = context.read()?;
    let graph = Graph::of(&read.resolved.cluster);
    if context.output.json() {
        let of = |name: &ServiceName| {
            let needs = graph.needs(name).into_iter();
            needs
                .map(|(other, edge)| json!({"service": other, "edge": edge.to_string()}))
                .collect::<Vec<_>>()
        };
        let services = read.resolved.cluster.services.keys();
        let services: Vec<_> = services
            .map(|name| json!({"service": name, "needs": of(name)}))
            .collect();
        context.output.object(&json!({
            "services": services,
            "build_waves": graph.build_waves(),
            "start_waves": graph.start_waves(),
        }));
        return Ok(());
    }
    context.warn_of(&read.resolved.warnings);
    context.output.result(match arguments.form {
        Form::Tree => graph.tree(),
        Form::Dot => graph.dot(),
        Form::Mermaid => graph.mermaid(),
    });
    Ok(())
}
