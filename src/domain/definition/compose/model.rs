//! Models, and services that somebody else provides.

use serde_json::Value as Json;

use super::super::reader::{Mapping, Read, Reader, record};
use super::super::values::{Options, Texts, Whole};
use super::super::write::Write;
use super::super::yaml::Node;

record! {
    /// Who provides a service, in place of a container.
    plain struct Provider {
        /// The program.
        r#type: String,
        /// What it is told.
        options: Options,
    }
}

record! {
    /// A model that services use.
    plain struct Model {
        /// Its name there.
        name: String,
        /// Which.
        model: String,
        /// How much it reads at once.
        context_size: Whole,
        /// Options of what runs it.
        runtime_flags: Texts,
    }
}

/// Models used: a list of names, or a mapping from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelUses(pub Mapping<ModelUse>);

record! {
    /// How a model is used.
    nullable struct ModelUse {
        /// The variable that tells where it is.
        endpoint_var: String,
        /// The variable that tells which it is.
        model_var: String,
    }
}

impl Read for ModelUses {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        super::wait::named(node, reader, ModelUse::default).map(Self)
    }
}

impl Write for ModelUses {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}
