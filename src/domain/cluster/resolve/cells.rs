//! The cells of matrices: what comes out different in a cell becomes a service of its own, with the cell in its name.
//!
//! Services of the released cell keep their names, and are what is released and placed. Those of other cells are for
//! tests only. So nothing after this has to know of matrices.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::environment::Services;
use crate::domain::cluster::{Service, Source, Subject, Test, full};
use crate::domain::definition::{Problem, Reading, matrix};
use crate::domain::name::{Cell, ServiceName, TestName};

impl Resolver<'_> {
    /// Gives the tests of every cell the services as they are in it.
    pub(super) fn cells(&mut self, services: &mut Services, tests: &mut BTreeMap<TestName, Test>) {
        let definition = self.definition;
        let released = &definition.matrices.released;
        let mut cells = BTreeMap::from([(released.clone(), services.clone())]);
        for (cell, reading) in &definition.cells {
            let told = self.problems.len();
            let own = self.services(reading);
            self.honoured_in_tests(reading, &own, tests);
            self.services_alone(reading);
            for problem in self.problems.split_off(told) {
                if !self.problems.contains(&problem) {
                    self.tell(problem);
                }
            }
            cells.insert(cell.clone(), own);
        }
        let varying = varying(&cells);
        for (name, test) in tests {
            let whole = released.with(&name.cell());
            let Some(own) = cells.get(&whole) else {
                continue;
            };
            let variants = Variants {
                base: &cells[released],
                own,
                cell: whole.only(|axis, value| released.get(axis) != Some(value)),
                varying: &varying,
            };
            match &mut test.subject {
                Subject::Service(service) => {
                    self.variants_of(&variants, service, services);
                    *service = variants.name(service);
                }
            }
        }
    }

    /// Adds what differs of a service and of all that it needs.
    fn variants_of(&mut self, variants: &Variants<'_>, service: &ServiceName, all: &mut Services) {
        let mut left = vec![service.clone()];
        let mut seen = BTreeSet::new();
        while let Some(name) = left.pop() {
            let Some(service) = variants
                .own
                .get(&name)
                .filter(|_| seen.insert(name.clone()))
            else {
                continue;
            };
            left.extend(service.depends_on.keys().cloned());
            left.extend(variants.builders(service).cloned());
            let variant = variants.name(&name);
            if variant == name || all.contains_key(&variant) {
                continue;
            }
            let own = self.variant(variants, &name, service);
            all.insert(variant, own);
        }
    }

    /// Returns a service as it is in a cell, for tests alone.
    fn variant(&mut self, variants: &Variants<'_>, name: &ServiceName, own: &Service) -> Service {
        let mut variant = own.clone();
        variant.test_only = true;
        for link in &mut variant.links {
            link.service = variants.name(&link.service);
        }
        let needs = std::mem::take(&mut variant.depends_on).into_iter();
        variant.depends_on = needs
            .map(|(need, how)| (variants.name(&need), how))
            .collect();
        let base = variants.base.get(name).map(|base| &base.source);
        if let (Source::Build(build), Some(base)) = (&mut variant.source, base)
            && own.source != *base
        {
            let tag = self.tag(name, build.tag.as_deref());
            let same =
                matches!(base, Source::Build(base) if self.tag(name, base.tag.as_deref()) == tag);
            if same {
                // Two images cannot have one name, so this one gets a name of its own.
                build.tag = None;
                if let Some(user) = variants.user(&tag) {
                    self.one_tag(name, user, &tag);
                }
            }
        }
        variant
    }

    fn tag(&self, service: &ServiceName, own: Option<&str>) -> String {
        let cluster = self.definition.name.as_ref().map_or("", |name| &name.text);
        let default = || format!("{cluster}-{service}").to_ascii_lowercase();
        own.map_or_else(default, str::to_owned)
    }

    fn one_tag(&mut self, name: &ServiceName, user: &ServiceName, tag: &str) {
        let message = format!(
            "service `{name}` builds another image in each cell of the matrix, all named `{tag}`, and `{user}` uses it"
        );
        let mut problem = Problem::error("duplicate-tag", message);
        let written = self.definition.base.compose.services.as_ref();
        if let Some(service) = written.and_then(|all| all.value.0.get(name.as_str())) {
            let image = service.value.image.as_ref().map(|image| &image.at);
            problem = problem.at(image.unwrap_or(&service.key), "one name for all of them");
        }
        self.tell(problem.help("put the axis into the name, here and where it is used: `image: acme/base:${matrix.AXIS}`"));
    }

    /// Tells of axes that are used outside of services.
    fn services_alone(&mut self, reading: &Reading) {
        let compose = &reading.compose;
        let elsewhere = [
            compose.networks.as_ref().map(|part| &part.at),
            compose.volumes.as_ref().map(|part| &part.at),
            compose.configs.as_ref().map(|part| &part.at),
            compose.secrets.as_ref().map(|part| &part.at),
        ];
        for used in reading
            .uses
            .iter()
            .filter(|used| used.name.starts_with(matrix::PREFIX))
        {
            if elsewhere
                .iter()
                .flatten()
                .any(|at| at.place.contains(&used.place))
            {
                let message = format!("`${{{}}}` is filled into services alone", used.name);
                let problem = Problem::error("unsupported", message);
                self.tell(problem.place(used.place.clone(), "all cells share this"));
            }
        }
    }
}

/// What differs in a cell.
struct Variants<'a> {
    /// The services of the released cell.
    base: &'a Services,
    /// The services of this one.
    own: &'a Services,
    /// Its values that are not those of the released one.
    cell: Cell,
    /// The axes that decide about each service.
    varying: &'a BTreeMap<ServiceName, BTreeSet<String>>,
}

impl Variants<'_> {
    /// Returns what a service is called in this cell: as ever, if no axis that differs decides about it.
    fn name(&self, service: &ServiceName) -> ServiceName {
        let axes = self.varying.get(service);
        let cell = self
            .cell
            .only(|axis, _| axes.is_some_and(|axes| axes.contains(axis)));
        let name = cell.name(service.as_str()).parse();
        name.unwrap_or_else(|_| service.clone())
    }

    /// Returns the services that build what this one is made from.
    fn builders<'s>(&'s self, service: &'s Service) -> impl Iterator<Item = &'s ServiceName> {
        let references = references(&service.source);
        self.own.iter().filter_map(move |(name, other)| {
            let Source::Build(build) = &other.source else {
                return None;
            };
            let tag = full(build.tag.as_ref()?);
            references
                .iter()
                .any(|reference| full(reference) == tag)
                .then_some(name)
        })
    }

    /// Returns a service that is made from the image of this name.
    fn user(&self, tag: &str) -> Option<&ServiceName> {
        let uses = |service: &Service| {
            references(&service.source)
                .iter()
                .any(|name| full(name) == full(tag))
        };
        self.own
            .iter()
            .find(|(_, service)| uses(service))
            .map(|(name, _)| name)
    }
}

/// Returns the images that a service names.
fn references(source: &Source) -> Vec<&String> {
    match source {
        Source::Build(build) => build.images().collect(),
        Source::Image(reference) => vec![reference],
    }
}

/// Returns the axes that decide about each service: about itself, or about something that it needs.
fn varying(cells: &BTreeMap<Cell, Services>) -> BTreeMap<ServiceName, BTreeSet<String>> {
    let names: BTreeSet<&ServiceName> = cells.values().flat_map(BTreeMap::keys).collect();
    let mut varying: BTreeMap<ServiceName, BTreeSet<String>> = names
        .iter()
        .map(|name| ((*name).clone(), deciding(cells, name)))
        .collect();
    loop {
        let mut grown = false;
        for name in &names {
            let needs = cells.values().filter_map(|services| services.get(*name));
            let needs = needs.flat_map(|service| service.depends_on.keys());
            let axes: BTreeSet<String> = needs
                .filter_map(|need| varying.get(need))
                .flatten()
                .cloned()
                .collect();
            if let Some(own) = varying.get_mut(*name) {
                let count = own.len();
                own.extend(axes);
                grown |= own.len() > count;
            }
        }
        if !grown {
            return varying;
        }
    }
}

/// Returns the fewest axes whose values tell what a service is: one is left out if cells that differ in it alone have
/// the same service.
fn deciding(cells: &BTreeMap<Cell, Services>, name: &ServiceName) -> BTreeSet<String> {
    let all = cells.keys().next().into_iter().flat_map(Cell::iter);
    let mut axes: BTreeSet<String> = all.map(|(axis, _)| axis.to_owned()).collect();
    for axis in axes.clone() {
        axes.remove(&axis);
        let mut seen: BTreeMap<Cell, Option<&Service>> = BTreeMap::new();
        let told = cells.iter().all(|(cell, services)| {
            let part = cell.only(|axis, _| axes.contains(axis));
            *seen.entry(part).or_insert(services.get(name)) == services.get(name)
        });
        if !told {
            axes.insert(axis);
        }
    }
    axes
}
