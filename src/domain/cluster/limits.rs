//! How much a test may take of its machine.

use serde::{Deserialize, Serialize};

use super::Options;

/// The scheduler's period where none is said, in microseconds (docker-run(1), `--cpu-period`).
const PERIOD: i64 = 100_000;

/// The most that each container of a test gets: its own, and those beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Processors, in thousand millionths.
    pub nano_cpus: Option<i64>,
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// Processes.
    pub pids: Option<i64>,
}

impl Limits {
    /// Lays them over what a service asks for. Nothing gets looser than that.
    #[must_use]
    pub fn over(&self, asked: &Options) -> Options {
        let Self {
            nano_cpus,
            memory,
            pids,
        } = *self;
        let mut options = asked.clone();
        if let Some(most) = nano_cpus.filter(|most| processors(asked).is_none_or(|own| own > *most))
        {
            // The engine takes either way of saying it, and not both.
            (options.cpu_period, options.cpu_quota) = (None, None);
            options.nano_cpus = Some(most);
        }
        options.memory = tighter(memory, asked.memory);
        if let Some(most) = memory {
            options.memory_reservation = asked.memory_reservation.map(|kept| kept.min(most));
        }
        options.pids_limit = tighter(pids, asked.pids_limit);
        options
    }
}

/// Returns how many processors a service asks for at most, in thousand millionths.
fn processors(asked: &Options) -> Option<i64> {
    let whole = |number: Option<i64>| number.filter(|number| *number > 0);
    let quota = whole(asked.cpu_quota).map(|quota| {
        let period = whole(asked.cpu_period).unwrap_or(PERIOD);
        quota.saturating_mul(1_000_000_000) / period
    });
    whole(asked.nano_cpus).or(quota)
}

/// Returns the smaller one. What is not above 0 is none.
fn tighter(limit: Option<i64>, own: Option<i64>) -> Option<i64> {
    match (limit, own.filter(|own| *own > 0)) {
        (Some(limit), Some(own)) => Some(limit.min(own)),
        (Some(limit), None) => Some(limit),
        (None, _) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            nano_cpus: Some(500_000_000),
            memory: Some(64),
            pids: Some(10),
        }
    }

    #[test]
    fn without_limits_a_service_gets_what_it_asks_for() {
        let asked = Options {
            cpu_quota: Some(1),
            memory: Some(-1),
            pids_limit: Some(-1),
            ..Options::default()
        };
        assert_eq!(Limits::default().over(&asked), asked);
    }

    #[test]
    fn nothing_gets_looser_than_the_service_asks() {
        let asked = Options {
            nano_cpus: Some(250_000_000),
            memory: Some(32),
            pids_limit: Some(5),
            ..Options::default()
        };
        assert_eq!(limits().over(&asked), asked);
    }

    #[test]
    fn what_is_looser_or_not_said_is_limited() {
        for asked in [
            Options::default(),
            Options {
                nano_cpus: Some(2_000_000_000),
                memory: Some(128),
                pids_limit: Some(-1),
                ..Options::default()
            },
        ] {
            let given = limits().over(&asked);
            assert_eq!(given.nano_cpus, Some(500_000_000));
            assert_eq!((given.memory, given.pids_limit), (Some(64), Some(10)));
        }
    }

    #[test]
    fn a_quota_gives_way_only_where_it_is_looser() {
        let quota = |quota| Options {
            cpu_quota: Some(quota),
            ..Options::default()
        };
        let tight = limits().over(&quota(10_000));
        assert_eq!((tight.cpu_quota, tight.nano_cpus), (Some(10_000), None));
        let loose = limits().over(&quota(90_000));
        assert_eq!(
            (loose.cpu_quota, loose.nano_cpus),
            (None, Some(500_000_000))
        );
    }

    #[test]
    fn no_more_memory_is_kept_than_there_may_be() {
        let asked = Options {
            memory_reservation: Some(100),
            ..Options::default()
        };
        assert_eq!(limits().over(&asked).memory_reservation, Some(64));
    }
}
