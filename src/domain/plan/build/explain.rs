//! A build plan as text.

use super::{Decision, Plan, Step};

impl Plan {
    /// Says in a line for each image what is done about it, and why.
    #[must_use]
    pub fn explain(&self) -> String {
        let width = self.steps.iter().map(|step| name(step).len()).max();
        let width = width.unwrap_or_default();
        let line = |step: &Step| {
            let name = name(step);
            match &step.decision {
                Decision::Keep(identity) => {
                    let id = identity.config.short();
                    format!("{name:width$}  keep   {id}: nothing changed\n")
                }
                Decision::Build(reason) => format!("{name:width$}  build  {reason}\n"),
            }
        };
        self.steps.iter().map(line).collect()
    }
}

fn name(step: &Step) -> String {
    let names: Vec<_> = step
        .image
        .services
        .iter()
        .map(|name| name.as_str())
        .collect();
    names.join(", ")
}
