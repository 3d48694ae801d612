//! Why a unit has to change: its parts then and now, compared.

use std::collections::BTreeSet;

use super::value::{Reason, VariableChange};
use crate::domain::unit::Parts;

/// Returns what differs between what a unit was made of and what it will be.
pub fn differences(old: &Parts, new: &Parts) -> Vec<Reason> {
    let Parts {
        kind: _,
        identity,
        service: _,
        image,
        environment: _,
        aspects: _,
        follows: _,
    } = new;
    let mut reasons = Vec::new();
    if let (Some(from), Some(to)) = (old.image, *image)
        && from != to
    {
        reasons.push(Reason::Image { from, to });
    }
    reasons.extend(variables(old, new));
    let aspects = new.aspects.iter();
    let changed = aspects.filter(|(aspect, hash)| old.aspects.get(aspect) != Some(*hash));
    reasons.extend(changed.map(|(aspect, _)| Reason::Settings { aspect: *aspect }));
    if reasons.is_empty() && old.identity != *identity {
        reasons.push(Reason::Text);
    }
    reasons
}

fn variables(old: &Parts, new: &Parts) -> Vec<Reason> {
    let names: BTreeSet<_> = old
        .environment
        .keys()
        .chain(new.environment.keys())
        .collect();
    let change = |name: &String| match (old.environment.get(name), new.environment.get(name)) {
        (None, Some(_)) => Some(VariableChange::Added),
        (Some(_), None) => Some(VariableChange::Removed),
        (Some(before), Some(now)) if before != now => Some(VariableChange::Changed),
        (Some(_), Some(_)) | (None, None) => None,
    };
    let reason = |name: &String| {
        let change = change(name)?;
        let name = name.clone();
        Some(Reason::Variable { name, change })
    };
    names.into_iter().filter_map(reason).collect()
}
