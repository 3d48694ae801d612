//! Whether the engine can build what is to be built.

use super::{BuildError, Survey};
use crate::domain::definition::dockerfile::{features, syntax};
use crate::domain::plan::build::{Asked, Decision};
use crate::pipeline::Tools;

/// Tells all that the engine cannot do of what is to be built; what is kept is not asked about.
pub(super) fn check(tools: &Tools, survey: &Survey) -> Result<(), BuildError> {
    let builder = tools.engine.builder();
    let mut lacks = Vec::new();
    for step in &survey.plan.steps {
        let Decision::Build(_) = &step.decision else {
            continue;
        };
        let service = &step.image.services[0];
        let text = &survey.contexts[service].dockerfile_text;
        lacks.extend(builder.lacks(Asked {
            service,
            build: &step.image.build,
            features: &features(text),
            frontend: syntax(text).is_some(),
        }));
    }
    if lacks.is_empty() {
        return Ok(());
    }
    Err(BuildError::Unfit {
        address: tools.engine.address().to_owned(),
        builder,
        lacks,
    })
}
