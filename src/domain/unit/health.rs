//! Health checks as docker's options, and how long one may take to decide.

use std::time::Duration;

use super::escape::shell_word;
use crate::domain::cluster::{Healthcheck, HealthcheckCommand};

/// docker's own interval and timeout, from which an absent value is counted.
const DEFAULT: Duration = Duration::from_secs(30);
/// docker's own number of failures in a row.
const DEFAULT_RETRIES: u32 = 3;

/// Returns the options that set a health check.
pub fn options(check: Option<&Healthcheck>) -> Vec<Vec<String>> {
    let (command, interval, timeout, start_period, retries) = match check {
        None => return Vec::new(),
        Some(Healthcheck::Disabled) => return vec![vec!["--no-healthcheck".to_owned()]],
        Some(Healthcheck::Check {
            command,
            interval,
            timeout,
            start_period,
            retries,
        }) => (command, interval, timeout, start_period, retries),
    };
    let command = command.as_ref().map(|command| match command {
        HealthcheckCommand::Shell(text) => text.clone(),
        // docker's client knows no other form than a text for the image's shell.
        HealthcheckCommand::Exec(words) => words
            .iter()
            .map(|word| shell_word(word))
            .collect::<Vec<_>>()
            .join(" "),
    });
    let options = [
        ("--health-cmd", command),
        ("--health-interval", interval.map(duration)),
        ("--health-timeout", timeout.map(duration)),
        ("--health-start-period", start_period.map(duration)),
        (
            "--health-retries",
            retries.map(|retries| retries.to_string()),
        ),
    ];
    let given = |(name, value): (&str, Option<String>)| Some(vec![name.to_owned(), value?]);
    options.into_iter().filter_map(given).collect()
}

/// Returns the seconds after which docker must have come to a verdict: one round more than the check's own numbers say.
pub fn decided_after(check: Option<&Healthcheck>) -> u64 {
    let (interval, timeout, start_period, retries) = match check {
        Some(Healthcheck::Check {
            command: _,
            interval,
            timeout,
            start_period,
            retries,
        }) => (*interval, *timeout, *start_period, *retries),
        Some(Healthcheck::Disabled) | None => (None, None, None, None),
    };
    let given = |value: Option<Duration>| value.filter(|v| !v.is_zero()).unwrap_or(DEFAULT);
    let rounds = retries
        .filter(|r| *r > 0)
        .unwrap_or(DEFAULT_RETRIES)
        .saturating_add(1);
    let round = given(interval).saturating_add(given(timeout));
    let all = start_period
        .unwrap_or_default()
        .saturating_add(round.saturating_mul(rounds));
    whole_seconds(all)
}

/// Returns a duration in whole seconds, rounded up.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Writes a duration as docker reads it.
fn duration(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}us", duration.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: Option<HealthcheckCommand>) -> Healthcheck {
        Healthcheck::Check {
            command,
            interval: Some(Duration::from_secs(5)),
            timeout: Some(Duration::from_millis(1500)),
            start_period: Some(Duration::from_secs(10)),
            retries: Some(2),
        }
    }

    #[test]
    fn every_number_is_an_option() {
        let exec = HealthcheckCommand::Exec(["test", "-f", "/a b"].map(str::to_owned).to_vec());
        let words = options(Some(&check(Some(exec)))).concat();
        assert_eq!(
            words.join(" "),
            "--health-cmd test -f '/a b' --health-interval 5s --health-timeout 1500000us \
             --health-start-period 10s --health-retries 2"
        );
    }

    #[test]
    fn the_image_decides_what_is_absent() {
        assert_eq!(options(None), Vec::<Vec<String>>::new());
        assert_eq!(
            options(Some(&Healthcheck::Disabled)),
            [["--no-healthcheck"]]
        );
        let shell = check(Some(HealthcheckCommand::Shell("a | b".to_owned())));
        assert_eq!(options(Some(&shell))[0], ["--health-cmd", "a | b"]);
        assert_eq!(options(Some(&check(None)))[0], ["--health-interval", "5s"]);
    }

    #[test]
    fn the_verdict_is_in_after_one_round_more() {
        // 10 + 3 * (5 + 1.5), rounded up.
        assert_eq!(decided_after(Some(&check(None))), 30);
        assert_eq!(decided_after(None), 240);
    }
}
