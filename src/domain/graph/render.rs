//! Pictures of a graph: a tree for terminals, and the languages of Graphviz and Mermaid.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Edge, Graph};
use crate::domain::name::ServiceName;

impl Graph {
    /// Draws it as trees: under each service what it needs, and why. What is shown above is not unfolded again.
    #[must_use]
    pub fn tree(&self) -> String {
        let mut text = String::new();
        let mut shown = BTreeSet::new();
        let roots = self
            .nodes
            .keys()
            .filter(|name| self.needed_by(name).is_empty());
        for root in roots {
            text.push_str(&self.titled(root));
            text.push('\n');
            self.branch(root, "", &mut shown, &mut text);
        }
        text
    }

    fn titled(&self, name: &ServiceName) -> String {
        let mark = if self.tests.contains(name) {
            " (test)"
        } else {
            ""
        };
        format!("{name}{mark}")
    }

    fn branch(
        &self,
        name: &ServiceName,
        indent: &str,
        shown: &mut BTreeSet<ServiceName>,
        text: &mut String,
    ) {
        if !shown.insert(name.clone()) {
            return;
        }
        let needs = self.needs(name);
        let others: BTreeSet<_> = needs.iter().map(|(other, _)| *other).collect();
        let last = others.last().copied();
        for other in others {
            let (fork, below) = if Some(other) == last {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            let reasons: Vec<_> = reasons(
                needs
                    .iter()
                    .filter(|(to, _)| *to == other)
                    .map(|(_, edge)| *edge),
            );
            let again = shown.contains(other) && !self.needs(other).is_empty();
            let again = if again { " (see above)" } else { "" };
            let title = self.titled(other);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{indent}{fork}{title} [{}]{again}",
                reasons.join(", ")
            );
            self.branch(other, &format!("{indent}{below}"), shown, text);
        }
    }

    /// Writes it in Graphviz's language (<https://graphviz.org/doc/info/lang.html>).
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph cluster {\n  rankdir=LR;\n  node [shape=box];\n");
        for name in self.nodes.keys() {
            let style = if self.tests.contains(name) {
                " [style=dashed]"
            } else {
                ""
            };
            let _ = writeln!(text, "  \"{name}\"{style};");
        }
        self.each(|_, from, to, edge| {
            let style = if edge.is_build() { " style=dotted" } else { "" };
            let _ = writeln!(text, "  \"{from}\" -> \"{to}\" [label=\"{edge}\"{style}];");
        });
        text.push_str("}\n");
        text
    }

    /// Writes it in Mermaid's language, which GitHub shows in Markdown (<https://mermaid.js.org/syntax/flowchart.html>).
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (name, node) in &self.nodes {
            let id = node.index();
            let (open, close) = if self.tests.contains(name) {
                ("([", "])")
            } else {
                ("[", "]")
            };
            let _ = writeln!(text, "  n{id}{open}\"{name}\"{close}");
        }
        self.each(|ids, _, _, edge| {
            let arrow = if edge.is_build() { "-.->" } else { "-->" };
            let _ = writeln!(text, "  n{} {arrow}|{edge}| n{}", ids.0, ids.1);
        });
        text
    }

    fn each(&self, mut write: impl FnMut((usize, usize), &ServiceName, &ServiceName, &Edge)) {
        for (from, node) in &self.nodes {
            let needs = self.needs(from);
            let starts: Vec<_> = needs.into_iter().collect();
            for (to, edge) in starts {
                write((node.index(), self.nodes[to].index()), from, to, edge);
            }
        }
    }
}

/// Returns the reasons in words. A link says by itself that the other one is started.
fn reasons<'a>(edges: impl Iterator<Item = &'a Edge> + Clone) -> Vec<String> {
    let linked = edges.clone().any(|edge| matches!(edge, Edge::LinksTo(_)));
    let implied = Edge::StartsAfter(crate::domain::cluster::Condition::Started);
    edges
        .filter(|edge| !linked || **edge != implied)
        .map(ToString::to_string)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;

    #[test]
    fn draws_trees() {
        assert_eq!(
            example().tree(),
            "\
sut (test)
└── api [link web]
    ├── base [built on]
    ├── db [healthy]
    └── migrate [completed]
        └── db [healthy]
worker
└── api [its image] (see above)
"
        );
    }

    #[test]
    fn writes_dot_and_mermaid() {
        let graph = example();
        assert!(graph.dot().contains("  \"sut\" [style=dashed];\n"));
        assert!(
            graph
                .dot()
                .contains("  \"api\" -> \"base\" [label=\"built on\" style=dotted];\n")
        );
        assert!(graph.mermaid().starts_with("flowchart LR\n  n0[\"api\"]\n"));
        assert!(graph.mermaid().contains("n0 -->|healthy| n2\n"));
        assert!(graph.mermaid().contains("n4([\"sut\"])\n"));
    }
}
