//! The typed edges between services, on petgraph: order, cycles shown as a circle, closure, what a change affects.
