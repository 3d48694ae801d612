//! `deploy` of a service.

use super::super::place::Spanned;
use super::super::reader::{record, words};
use super::super::values::{Labels, Period, Real, Said, TextSize, Texts, Whole};
use super::DeviceRequest;

record! {
    /// How many there are, where, with what resources, and how they are replaced.
    nullable struct Deploy {
        /// One on every node, or a number of them.
        mode: DeployMode,
        /// How many.
        replicas: Said<Whole>,
        /// Labels of the service, not of its containers.
        labels: Labels,
        /// How a swarm publishes ports.
        endpoint_mode: String,
        /// Where a swarm may place them.
        placement: Placement,
        /// What they get.
        resources: Resources,
        /// When a swarm starts them again.
        restart_policy: RestartPolicy,
        /// How a swarm goes back.
        rollback_config: Update,
        /// How a swarm goes on.
        update_config: Update,
    }
}

words! {
    /// One on every node, or a number of them; jobs run to their end.
    DeployMode, "`replicated`, `global`, `replicated-job` or `global-job`" {
        /// A number of them.
        "replicated" => Replicated,
        /// One on every node.
        "global" => Global,
        /// A number of them that end.
        "replicated-job" => ReplicatedJob,
        /// One on every node that ends.
        "global-job" => GlobalJob,
    }
}

record! {
    /// Where a swarm may place them.
    plain struct Placement {
        /// What nodes have to be.
        constraints: Texts,
        /// How they are spread.
        preferences: Vec<Spanned<Preference>>,
        /// The most on one node.
        max_replicas_per_node: Whole,
    }
}

record! {
    /// How they are spread.
    plain struct Preference {
        /// Over the values of this.
        spread: String,
    }
}

record! {
    /// What containers get.
    plain struct Resources {
        /// At most.
        limits: Limits,
        /// At least.
        reservations: Reservations,
    }
}

record! {
    /// The most that a container gets.
    plain struct Limits {
        /// Processors.
        cpus: Real,
        /// Memory.
        memory: TextSize,
        /// Processes.
        pids: Whole,
    }
}

record! {
    /// The least that a container gets.
    plain struct Reservations {
        /// Processors.
        cpus: Real,
        /// Memory.
        memory: TextSize,
        /// Devices.
        devices: Vec<Spanned<DeviceRequest>>,
        /// What a swarm's nodes say that they have.
        generic_resources: Vec<Spanned<GenericResource>>,
    }
}

record! {
    /// What a swarm's nodes say that they have.
    plain struct GenericResource {
        /// So many of a kind.
        discrete_resource_spec: Discrete,
    }
}

record! {
    /// So many of a kind.
    plain struct Discrete {
        /// The kind.
        kind: String,
        /// How many.
        value: Whole,
    }
}

record! {
    /// When a swarm starts them again.
    plain struct RestartPolicy {
        /// `none`, `on-failure` or `any`.
        condition: String,
        /// After so long.
        delay: Period,
        /// At most so often.
        max_attempts: Said<Whole>,
        /// What counts as having started.
        window: Period,
    }
}

record! {
    /// How a swarm replaces them.
    plain struct Update {
        /// So many at once.
        parallelism: Said<Whole>,
        /// With this time between.
        delay: Period,
        /// What follows a failure.
        failure_action: String,
        /// How long a failure is looked for.
        monitor: Period,
        /// How many may fail, as a share.
        max_failure_ratio: Real,
        /// Whether the old one stops first.
        order: Order,
    }
}

words! {
    /// Whether the old one stops first.
    Order, "`stop-first` or `start-first`" {
        /// It does.
        "stop-first" => StopFirst,
        /// The new one starts first.
        "start-first" => StartFirst,
    }
}
