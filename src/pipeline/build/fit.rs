//! Whether the engines can build what is to be built.

use super::{BuildError, Survey, places::Places};
use crate::domain::definition::dockerfile::{features, syntax};
use crate::domain::plan::build::{Asked, Decision};
use crate::pipeline::Tools;

/// Tells all that an engine cannot do of what it is to build; what is kept is not asked about.
pub(super) fn check(tools: &Tools, survey: &Survey, places: &Places) -> Result<(), BuildError> {
    for (at, engine) in tools.fleet.engines().enumerate() {
        let builder = engine.builder();
        let mut lacks = Vec::new();
        for step in &survey.plan.steps {
            let Decision::Build(_) = &step.decision else {
                continue;
            };
            if places.of(step) != at {
                continue;
            }
            let service = &step.image.services[0];
            let text = &survey.contexts[service].dockerfile_text;
            lacks.extend(builder.lacks(Asked {
                service,
                build: &step.image.build,
                features: &features(text),
                frontend: syntax(text).is_some(),
            }));
        }
        if !lacks.is_empty() {
            return Err(BuildError::Unfit {
                address: engine.address().to_owned(),
                builder,
                lacks,
            });
        }
    }
    Ok(())
}
